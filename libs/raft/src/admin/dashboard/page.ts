import { createHash } from 'node:crypto';
import { SCRIPT } from './script';
import { STYLE } from './style';

/**
 * The dashboard: one page without anything from elsewhere. There is no data in it: it asks the routes beside it, with a token
 * that the reader types in where they want one.
 */
export const DASHBOARD = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Raft</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#members">Skip to the members</a>
<header>
  <div>
    <h1><span id="cluster">Raft</span></h1>
    <p id="where" class="quiet">Asking this node…</p>
  </div>
  <p id="connection" class="chip" role="status">connecting</p>
</header>
<main>
  <form id="access" hidden>
    <label for="token">Administrators’ token</label>
    <div class="row">
      <input id="token" type="password" autocomplete="current-password" spellcheck="false">
      <button type="submit">Show</button>
    </div>
    <p class="quiet">It stays in this tab, and goes to this node alone.</p>
  </form>
  <p id="alarm" class="alarm" role="alert" hidden></p>
  <div id="shown" hidden>
  <section aria-labelledby="node-title">
    <h2 id="node-title">This node</h2>
    <dl id="facts" class="facts"></dl>
  </section>
  <section aria-labelledby="members-title" id="members" tabindex="-1">
    <h2 id="members-title">Members</h2>
    <p id="elsewhere" class="quiet" hidden></p>
    <table>
      <thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">Connection</th>
      <th scope="col">Has up to</th><th scope="col">Behind</th><th scope="col">Address</th></tr></thead>
      <tbody id="rows"></tbody>
    </table>
  </section>
  <section aria-labelledby="events-title">
    <h2 id="events-title">Events</h2>
    <ol id="events" class="events" aria-live="polite" aria-relevant="additions"></ol>
    <p id="no-events" class="quiet">Nothing has happened since this page was opened.</p>
  </section>
  </div>
</main>
<noscript><p class="alarm">This page needs JavaScript to ask the node. The same is at <code>status</code> beside it, as JSON.</p></noscript>
<script>${SCRIPT}</script>
</body>
</html>
`;

const sha256 = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Nothing but this very script and style runs, and they reach this origin alone. */
export const DASHBOARD_POLICY = [
  "default-src 'none'",
  `script-src ${sha256(SCRIPT)}`,
  `style-src ${sha256(STYLE)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
