/** Style of the report page. Old and new are told apart by direction as well as by blue and amber. */
export const REPORT_STYLE = `
:root{color-scheme:light dark;--page:#fbfbf9;--card:#fff;--ink:#1c1f23;--soft:#5b636d;--line:#dcdfe3;--rule:#edeff1;--old:#0072b2;--new:#b96f00;--flag:#b00020;--good:#00684a;--step:#e7eaee;--cursor:#0000001f}
@media (prefers-color-scheme:dark){:root{--page:#14171a;--card:#1c2024;--ink:#e9ebee;--soft:#a3abb5;--line:#353b42;--rule:#262b30;--old:#56b4e9;--new:#f0b429;--flag:#ff6b81;--good:#4cc79b;--step:#2b3138;--cursor:#ffffff2e}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:76rem;margin:0 auto;padding:1.5rem clamp(.9rem,3vw,2.5rem) 4rem}
h1{font-size:clamp(1.4rem,4vw,2.1rem);line-height:1.2;margin:0 0 .5rem}
h2{font-size:1.3rem;margin:2.5rem 0 .75rem}
h3{font-size:1.05rem;margin:0 0 .35rem}
p{margin:.4rem 0;max-width:70ch}
code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9em;overflow-wrap:anywhere}
.soft{color:var(--soft)}
.verdict{border-left:.45rem solid var(--good);padding:.2rem 0 .2rem 1rem}
.verdict.broken{border-color:var(--flag)}
.verdict.partial{border-color:var(--new)}
.mark{color:var(--good)}
.broken .mark{color:var(--flag)}
.partial .mark{color:var(--new)}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.6rem;margin:1.2rem 0}
.figures div{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.55rem .8rem}
.figures dt{color:var(--soft);font-size:.82rem;line-height:1.3}
.figures dd{margin:.1rem 0 0;font-size:1.35rem;font-variant-numeric:tabular-nums;font-weight:600}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem clamp(.8rem,2vw,1.4rem);margin:0 0 1rem}
.violation{border-left:.45rem solid var(--flag)}
.violation ol{margin:.6rem 0;padding-left:1.6rem}
.token{display:flex;gap:.6rem;align-items:start;flex-wrap:wrap}
.token code{flex:1 1 14rem;max-height:5.4em;overflow-y:auto;background:var(--page);border:1px solid var(--line);border-radius:.35rem;padding:.35rem .6rem;user-select:all}
button{font:inherit;font-size:.9rem;color:inherit;background:var(--step);border:1px solid var(--line);border-radius:.35rem;padding:.3rem .8rem;cursor:pointer}
button:hover{border-color:var(--soft)}
:focus-visible{outline:3px solid var(--old);outline-offset:2px}
.symbols{position:absolute}
.glance{display:block;width:100%;height:36px;margin:.6rem 0 0;border-bottom:1px solid var(--line);cursor:pointer}
.window{fill:var(--cursor)}
.flag-line{stroke:var(--flag);stroke-width:2px;vector-effect:non-scaling-stroke}
.card p{max-width:none}
.frame{display:flex;margin:.8rem 0 0}
.names{flex:none;overflow:hidden;border-right:1px solid var(--line);margin-right:4px}
.scroll{flex:1 1 0;min-width:0;overflow-x:auto;padding-bottom:.4rem}
.chart{display:block;touch-action:pan-x pan-y}
svg text{fill:var(--soft);font:11px system-ui,sans-serif}
svg .lane{font:10.5px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:var(--ink)}
svg .tick{font-size:9.5px}
svg .step-name{fill:var(--ink);font-weight:600}
.step{fill:var(--step)}
.grid,.rule{stroke:var(--rule);fill:none}
.axis{stroke:var(--soft);fill:none}
.old{fill:var(--old)}
.new{fill:var(--new)}
.flag{fill:var(--flag)}
.glyph,.legend use{fill:var(--ink)}
.hit{fill:transparent}
.cursor{fill:none}
.cursor.on{fill:var(--cursor)}
.readout{min-height:3.1em;margin:.5rem 0 0;max-width:none;overflow-wrap:anywhere}
.readout b{display:block}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;padding:0;margin:.5rem 0 1rem;font-size:.88rem;color:var(--soft)}
.legend svg{margin-right:.4rem;vertical-align:-2px}
details{margin:.7rem 0 0}
summary{cursor:pointer}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid var(--rule);vertical-align:top}
th{color:var(--soft);font-weight:600}
td.number,th.number{text-align:right;white-space:nowrap}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:0 2.5rem}
.columns ul{margin:.3rem 0 1rem;padding-left:1.2rem}
@media (max-width:40rem){.figures{grid-template-columns:repeat(2,1fr)}}
@media print{.scroll{overflow:visible}button{display:none}}
`;
