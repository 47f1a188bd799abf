/**
 * What the page does in the browser. It reads the stream with `fetch`, as an `EventSource` can't send a token, and asks for the
 * state every two seconds, because indexes go on without an event. Everything is written as text: a member's name is no markup.
 */
export const SCRIPT = `
'use strict';
(() => {
  const at = (id) => document.getElementById(id);
  const base = location.pathname.replace(/\\/ui\\/?$/, '/');
  const MOST_EVENTS = 100;
  let token = '';
  try { token = sessionStorage.getItem('raft-token') || ''; } catch { /* a browser that keeps nothing asks again */ }
  let told = '';
  let stream = null;

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const setText = (target, text) => { if (target.textContent !== text) target.textContent = text; };
  const number = (value) => value === null || value === undefined ? '–' : value.toLocaleString('en');
  const size = (bytes) => bytes >= 1048576 ? (bytes / 1048576).toFixed(1) + ' MiB' : bytes >= 1024 ? (bytes / 1024).toFixed(1) + ' KiB' : bytes + ' B';
  const age = (ms) => ms === null ? 'unknown' : ms < 1000 ? Math.round(ms) + ' ms' : (ms / 1000).toFixed(1) + ' s';
  const request = (path, signal) => fetch(base + path, { cache: 'no-store', signal, headers: token ? { authorization: 'Bearer ' + token } : {} });

  function connection(text, className) {
    const chip = at('connection');
    setText(chip, text);
    chip.className = 'chip ' + className;
  }
  function alarm(text) {
    setText(at('alarm'), text);
    at('alarm').hidden = text === '';
  }

  function securityOf({ mode }) {
    return mode === 'loopback' ? 'nothing (every local user may do anything)' : mode === 'insecure' ? 'nothing (anybody may do anything)' : mode;
  }
  function fact(name, value, className) {
    return [element('dt', name), element('dd', value, className)];
  }

  function show(status) {
    at('shown').hidden = false;
    document.title = status.nodeId + (status.isLeader ? ' (leader)' : '') + ' – Raft';
    setText(at('cluster'), status.clusterName);
    setText(at('where'), 'Node ' + status.nodeId + ', group ' + status.group + (status.leader ? '. ' + status.leader.name + ' leads.' : '. No leader is known.'));
    const running = status.phase === 'running';
    alarm(!running && status.reason ? status.reason : running && !status.leader ? 'No leader is known: an election is under way, or too few nodes are up.' : status.degraded ? 'This node is degraded: ' + status.degraded.reason : '');
    const waiting = Object.entries(status.queues).filter(([name, length]) => length > 0 && name !== 'uncommittedBytes').map(([name, length]) => name + ' ' + number(length));
    const facts = element('div');
    for (const each of [
      fact('Phase', status.phase, running ? 'good' : 'bad'),
      fact('Role', status.role, status.isLeader ? 'good' : ''),
      fact('Leader', status.leader ? status.leader.name : 'none', status.leader ? '' : 'bad'),
      fact('Term', number(status.term)),
      fact('Committed', number(status.commitIndex)),
      fact('Applied', number(status.appliedIndex), status.commitIndex - status.appliedIndex > 1000 ? 'warn' : ''),
      fact('Log', number(status.firstIndex) + ' to ' + number(status.lastIndex)),
      fact('Age of the state', age(status.ageMs)),
      fact('Snapshot', status.snapshot ? number(status.snapshot.index) + ', ' + size(status.snapshot.sizeBytes) : 'none yet'),
      fact('Peers prove', status.security ? securityOf(status.security) : 'unknown', status.security && status.security.mode === 'insecure' ? 'bad' : ''),
      fact('Waiting', waiting.length === 0 ? 'nothing' : waiting.join(', ')),
    ]) { const group = element('div'); group.append(...each); facts.append(group); }
    if (at('facts').innerHTML !== facts.innerHTML) at('facts').replaceChildren(...facts.childNodes);
    showMembers(status);
  }

  function connectionOf(member) {
    if (member.connection === 'self') return ['–', ''];
    if (member.connection !== 'connected') return [member.connection + (member.connectionDetail ? ': ' + member.connectionDetail : ''), 'bad'];
    return member.health === 'degraded' || member.health === 'silent' ? ['connected, ' + member.health, 'warn'] : ['connected', 'good'];
  }

  function showMembers(status) {
    const rows = document.createDocumentFragment();
    for (const member of status.members) {
      const leads = status.leader !== null && member.id === status.leader.id;
      const isSelf = member.connection === 'self';
      const has = isSelf ? status.lastIndex : member.matchIndex;
      const behind = has === null ? null : Math.max(0, status.lastIndex - has);
      const row = element('tr', undefined, leads ? 'leads' : '');
      const cells = [
        ['Name', member.name + (isSelf ? ' (this node)' : '')],
        ['Role', leads ? 'leader' : member.role],
        ['Connection', ...connectionOf(member)],
        ['Has up to', number(has)],
        ['Behind', behind === null ? '–' : number(behind), behind > 1000 ? 'warn' : ''],
        ['Address', member.http || member.peer],
      ];
      for (const [label, text, className] of cells) {
        const cell = element('td');
        cell.dataset.label = label;
        cell.append(element('span', text, className));
        row.append(cell);
      }
      rows.append(row);
    }
    const shown = element('tbody');
    shown.append(rows);
    if (at('rows').innerHTML !== shown.innerHTML) at('rows').replaceChildren(...shown.childNodes);
    const elsewhere = at('elsewhere');
    elsewhere.hidden = status.isLeader || !status.leader || !/^https?:/.test(status.leader.http);
    if (!elsewhere.hidden && elsewhere.dataset.leader !== status.leader.http) {
      elsewhere.dataset.leader = status.leader.http;
      const link = element('a', status.leader.name + '’s dashboard');
      link.href = status.leader.http + base + 'ui';
      elsewhere.replaceChildren('Only the leader knows how far the others are: see ', link, '.');
    }
  }

  function event(text, className) {
    const now = new Date();
    const line = element('li');
    const time = element('time', now.toLocaleTimeString());
    time.dateTime = now.toISOString();
    line.append(time, element('span', text, className));
    at('events').prepend(line);
    while (at('events').childElementCount > MOST_EVENTS) at('events').lastElementChild.remove();
    at('no-events').hidden = true;
  }

  function heard(type, data) {
    if (type === 'status') {
      const line = data.phase + ', ' + data.role + ' in term ' + data.term;
      if (line !== told) event('This node: ' + line);
      told = line;
      show(data);
    } else if (type === 'leader') event(data ? data.name + ' leads' : 'No leader is known', data ? 'good' : 'bad');
    else if (type === 'membership') event('Members (entry ' + data.index + '): ' + data.voters.join(', ') + (data.learners.length ? '; learners ' + data.learners.join(', ') : '') + (data.changing ? '; a change is under way' : ''));
    else if (type === 'snapshot') event('Snapshot of entry ' + number(data.index) + ' ' + data.kind + (data.peer ? (data.kind === 'sent' ? ' to ' : ' from ') + data.peer : '') + ', ' + size(data.sizeBytes) + ' in ' + age(data.durationMs));
  }

  function block(text) {
    let type = 'message';
    const lines = [];
    for (const line of text.split('\\n')) {
      if (line.startsWith('event:')) type = line.slice(6).trim();
      else if (line.startsWith('data:')) lines.push(line.slice(5).replace(/^ /, ''));
    }
    if (lines.length === 0) return;
    try { heard(type, JSON.parse(lines.join('\\n'))); } catch { /* what this page doesn't know isn't shown */ }
  }

  async function read(signal) {
    const response = await request('events', signal);
    if (response.status === 403 && await showsStateAlone(response, signal)) return false;
    if (!allowed(response)) return false;
    if (!response.ok || !response.body) throw new Error('HTTP ' + response.status);
    connection('live', 'good');
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      const blocks = (rest + value).replaceAll('\\r\\n', '\\n').split('\\n\\n');
      rest = blocks.pop();
      blocks.forEach(block);
    }
  }

  /** A node may show its state to everybody, and what happens to administrators alone. */
  async function showsStateAlone(refusal, signal) {
    const status = await request('status', signal);
    if (!status.ok) return false;
    show(await status.json());
    connection('state only', 'warn');
    const { message } = await refusal.json().catch(() => ({}));
    event('Events aren’t shown to you: ' + (message || 'the node refuses them.'), 'warn');
    return true;
  }

  function allowed(response) {
    const refused = response.status === 401 || response.status === 403;
    at('access').hidden = !refused;
    if (refused) {
      connection('no access', 'bad');
      setText(at('where'), 'This node shows itself to administrators.');
      at('shown').hidden = true;
      alarm(token ? 'This node doesn’t take that token.' : '');
      if (stream) stream.abort();
      stream = null;
    }
    return !refused;
  }

  async function follow() {
    const mine = stream = new AbortController();
    for (let pauseMs = 500; stream === mine; pauseMs = Math.min(pauseMs * 2, 8000)) {
      try {
        if (!await read(mine.signal)) return;
        pauseMs = 500;
      } catch { /* said below */ }
      if (stream !== mine) return;
      connection('not reached, trying again', 'bad');
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async function ask() {
    if (document.hidden || stream === null) return;
    try {
      const response = await request('status');
      if (allowed(response) && response.ok) show(await response.json());
    } catch { /* the stream says that the node isn't reached */ }
  }

  at('access').addEventListener('submit', (submitted) => {
    submitted.preventDefault();
    token = at('token').value.trim();
    try { sessionStorage.setItem('raft-token', token); } catch { /* it is kept for as long as the page */ }
    at('access').hidden = true;
    alarm('');
    follow();
  });
  document.addEventListener('visibilitychange', ask);
  setInterval(ask, 2000);
  follow();
})();
`;
