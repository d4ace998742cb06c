"""How the page looks: quiet colours, light and dark, a phone's width, paper."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #fcfcfa; --card: #ffffff; --ink: #1b2126; --soft: #5a646d; --line: #e3e5e3; --wash: #f3f4f1;
  --blue: #2a628f; --rust: #b0561c; --green: #2c7a4b; --plum: #7a4b91; --red: #a63d2f; --amber: #8a6410; }
@media screen and (prefers-color-scheme: dark) { :root {
  --paper: #14181b; --card: #1a1f23; --ink: #e5e8ea; --soft: #9ba6af; --line: #2c3338; --wash: #20262b;
  --blue: #7db4e0; --rust: #e7a26a; --green: #7cc99a; --plum: #c39ad8; --red: #ea8f7e; --amber: #d8b25c; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0 auto; max-width: 1120px; padding: 40px 28px 56px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans",
  system-ui, sans-serif; }
h1, h2, h3, p, ul, ol, dl, dd, figure { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h1 { font-size: 34px; line-height: 1.15; font-weight: 650; letter-spacing: -0.02em; overflow-wrap: anywhere; }
h2 { font-size: 20px; font-weight: 650; letter-spacing: -0.01em; margin-bottom: 14px; }
h3 { font-size: 15px; font-weight: 650; margin: 18px 0 8px; }
small, .small { color: var(--soft); font-size: 13px; }
code, pre { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
a { color: var(--blue); text-underline-offset: 3px; text-decoration-thickness: 1px; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; border-radius: 4px; }
.over { color: var(--soft); font-size: 13px; letter-spacing: 0.02em; }
.name { display: flex; flex-wrap: wrap; align-items: baseline; gap: 6px 18px; }
.stages { display: flex; flex-wrap: wrap; color: var(--soft); font-size: 14px; }
.stages li + li::before { content: "→"; margin: 0 8px; opacity: 0.6; }
.lead { margin-top: 10px; max-width: 46em; font-size: 17px; color: var(--soft); }
.tiles { display: flex; flex-wrap: wrap; gap: 1px; margin-top: 24px; background: var(--line);
  border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
.tiles li { display: flex; flex-direction: column; flex: 1 1 165px; padding: 16px 18px; background: var(--card); }
.tiles b { font-size: 28px; line-height: 1.2; font-weight: 650; letter-spacing: -0.02em;
  font-variant-numeric: tabular-nums; }
.tiles span { font-weight: 550; }
.tiles small { line-height: 1.45; } .tiles span + small { margin-top: 4px; }
.notes { margin-top: 18px; padding: 12px 16px; background: var(--wash); border-radius: 8px; font-size: 14px; }
.notes li { padding: 2px 0 2px 16px; position: relative; overflow-wrap: anywhere; }
.notes li::before { content: "–"; position: absolute; left: 0; color: var(--amber); }
nav { display: flex; flex-wrap: wrap; gap: 4px 20px; margin-top: 22px; font-size: 14px; }
section { margin-top: 44px; padding-top: 26px; border-top: 1px solid var(--line); }
section > * + .wide, section > * + .small { margin-top: 16px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: 13px; padding: 6px 0; }
th, td { padding: 8px 18px 8px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-size: 13px; font-weight: 500; white-space: nowrap; vertical-align: bottom; }
tbody th { font-weight: 500; min-width: 7.5em; }
tr > :last-child { padding-right: 0; }
.number { text-align: right; white-space: nowrap; }
.total > * { font-weight: 650; }
.result b { font-weight: 650; }
.pairs th { width: 9em; color: var(--soft); font-weight: 400; }
.pairs td { overflow-wrap: anywhere; }
.interval { display: block; width: 116px; height: 12px; margin: 3px 0 0 auto; }
.interval .track { stroke: var(--line); stroke-width: 1.5; }
.interval .span { fill: var(--blue); opacity: 0.4; }
.interval .dot { fill: var(--blue); }
.interval .chance { stroke: var(--soft); stroke-width: 1; }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr));
  gap: 16px; align-items: start; }
.sample { border: 1px solid var(--line); border-radius: 10px; background: var(--card); min-width: 0;
  overflow: hidden; }
.sample > p { padding: 10px 14px; overflow-wrap: anywhere; }
.ask { font-weight: 550; line-height: 1.4; }
.kind { display: block; color: var(--soft); font-size: 12px; font-weight: 400; }
.sample pre { background: var(--wash); padding: 10px 14px; margin: 0; overflow-x: auto; max-height: 340px; }
.verdict { font-size: 13px; font-weight: 550; line-height: 1.4; }
.right .verdict { color: var(--green); } .valid .verdict { color: var(--amber); }
.wrong .verdict { color: var(--red); }
.right .verdict::before { content: "✓ "; } .valid .verdict::before, .wrong .verdict::before { content: "✗ "; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); gap: 26px 28px; }
.charts + .charts { margin-top: 30px; padding-top: 26px; border-top: 1px dashed var(--line); }
.facts h3 { font-size: 17px; margin: 0 0 6px; }
.facts dl div { display: flex; justify-content: space-between; gap: 16px; font-size: 13.5px; padding: 2.5px 0; }
.facts dt { color: var(--soft); } .facts dd { text-align: right; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere; }
.chart { min-width: 0; }
.chart figcaption { display: flex; justify-content: space-between; align-items: baseline; gap: 12px;
  font-size: 14px; }
.chart figcaption b { font-variant-numeric: tabular-nums; font-weight: 600; white-space: nowrap; }
.chart strong { font-weight: 600; }
.keys { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 12px; color: var(--soft); }
.key b { font-weight: 600; color: var(--ink); font-variant-numeric: tabular-nums; }
.key::before { content: ""; display: inline-block; width: 14px; height: 0; margin-right: 6px; vertical-align: middle;
  border-top: 2px solid var(--c); }
.key.ring::before { width: 8px; height: 8px; border: 2px solid var(--c); border-radius: 50%; }
.s0 { --c: var(--blue); } .s1 { --c: var(--rust); } .s2 { --c: var(--green); } .s3 { --c: var(--plum); }
.s4 { --c: var(--amber); } .s5 { --c: var(--red); }
.chart svg { display: block; width: 100%; height: auto; margin-top: 4px; }
.chart text { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
.grid { stroke: var(--line); stroke-width: 1; }
.line, .thread { fill: none; stroke: var(--c); stroke-width: 1.7; stroke-linejoin: round; }
.thread { stroke-width: 1.2; opacity: 0.55; }
.band { fill: var(--c); opacity: 0.14; }
.chart .dot { fill: var(--paper); stroke: var(--c); stroke-width: 1.7; }
.touch { fill: var(--c); opacity: 0; } .touch:hover { opacity: 0.3; } .chart .dot:hover { fill: var(--c); }
.code figcaption { color: var(--soft); font-size: 13px; margin: 16px 0 6px; }
.code pre { background: var(--wash); border-radius: 8px; padding: 12px 14px; overflow-x: auto; margin: 0; }
footer { margin-top: 44px; padding-top: 16px; border-top: 1px solid var(--line); color: var(--soft); font-size: 13px;
  overflow-wrap: anywhere; }
@media (max-width: 600px) {
  body { padding: 24px 16px 40px; } h1 { font-size: 28px; } .lead { font-size: 15.5px; }
  .tiles li { flex-basis: 40%; padding: 12px 14px; } .tiles b { font-size: 22px; }
  section { margin-top: 32px; padding-top: 22px; } .result small { display: block; } .interval { width: 84px; }
  tbody th { position: sticky; left: 0; background: var(--paper); }
  .pairs th, .pairs td { display: block; width: auto; padding-right: 0; }
  .pairs th { border-bottom: 0; padding-bottom: 0; } .pairs td { padding-top: 0; } }
@media print {
  :root { --paper: #ffffff; } body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; } .wide { overflow: visible; }
  .sample pre, .code pre { max-height: none; white-space: pre-wrap; }
  .sample, .chart, tr, .tiles { break-inside: avoid; }
  h2, h3, caption, thead { break-after: avoid; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
"""
