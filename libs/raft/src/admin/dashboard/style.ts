/** Light or dark as the reader's system is; one column on a phone, where each member becomes a card. */
export const STYLE = `
:root { --ground: #f6f7f9; --card: #fff; --ink: #16202c; --quiet: #566372; --line: #d9dee5; --good: #11713f; --warn: #8a5300;
  --bad: #b3261e; --accent: #2557c7; --tint: #e8eefc; }
@media (prefers-color-scheme: dark) { :root { --ground: #10151c; --card: #19212b; --ink: #e7ecf2; --quiet: #9fabb9; --line: #2e3946;
  --good: #5fd192; --warn: #f0b660; --bad: #ff8f86; --accent: #8fb2ff; --tint: #1f2c46; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
header, main { max-width: 68rem; margin: 0 auto; padding: 1rem 1.25rem; }
header { display: flex; justify-content: space-between; align-items: flex-start; gap: 1rem; padding-top: 1.5rem; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0 0 .75rem; }
section, form { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem 1.25rem; margin-bottom: 1rem; }
section:focus { outline: none; }
.quiet { color: var(--quiet); margin: 0; font-size: .875rem; }
#elsewhere { margin-bottom: .75rem; }
.chip { margin: 0; padding: .125rem .625rem; border-radius: 1rem; border: 1px solid currentColor; font-size: .875rem; white-space: nowrap; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.alarm { color: var(--bad); border: 1px solid currentColor; background: var(--card); border-radius: .75rem; padding: .75rem 1.25rem; margin: 0 0 1rem; }
.skip { position: absolute; left: -100rem; } .skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .25rem .5rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1rem; margin: 0; }
.facts dt { color: var(--quiet); font-size: .8125rem; }
.facts dd { margin: 0; font-size: 1.125rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--quiet); font-weight: 500; font-size: .8125rem; padding: 0 .75rem .375rem 0; }
td { padding: .5rem .75rem .5rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; vertical-align: top; }
tr.leads { background: var(--tint); }
tr.leads td:first-child { box-shadow: inset .1875rem 0 var(--accent); padding-left: .75rem; }
tr:not(.leads) td:first-child, th:first-child { padding-left: .75rem; }
.events { list-style: none; margin: 0; padding: 0; font-size: .9375rem; max-height: 22rem; overflow-y: auto; }
.events li { display: flex; gap: .75rem; padding: .25rem 0; border-top: 1px solid var(--line); }
.events li:first-child { border-top: 0; }
.events time { color: var(--quiet); font-variant-numeric: tabular-nums; white-space: nowrap; }
a { color: var(--accent); }
label { display: block; font-size: .875rem; margin-bottom: .25rem; }
.row { display: flex; gap: .5rem; margin-bottom: .5rem; }
input, button { font: inherit; padding: .5rem .75rem; border-radius: .5rem; border: 1px solid var(--quiet); background: var(--card); color: var(--ink); }
input { flex: 1; min-width: 0; } button { background: var(--accent); color: var(--card); border-color: var(--accent); cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
[hidden] { display: none !important; }
@media (max-width: 40rem) {
  header, main { padding-left: .75rem; padding-right: .75rem; }
  .facts { grid-template-columns: 1fr 1fr; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, tr, td { display: block; width: 100%; }
  tr { border-top: 1px solid var(--line); padding: .5rem .75rem; }
  tr.leads { box-shadow: inset .1875rem 0 var(--accent); }
  tr.leads td:first-child, tr:not(.leads) td:first-child { box-shadow: none; padding-left: 0; font-weight: 600; }
  td { border: 0; padding: .125rem 0; display: grid; grid-template-columns: 5.75rem 1fr; gap: .5rem; }
  td::before { content: attr(data-label); color: var(--quiet); font-weight: 400; font-size: .875rem; }
}
`;
