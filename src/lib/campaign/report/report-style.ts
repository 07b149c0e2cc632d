/** Style of the report page. What went well and what did not are told apart by shape and words as well as by colour. */
export const REPORT_STYLE = `
:root{color-scheme:light dark;--page:#fbfbf9;--card:#fff;--ink:#1c1f23;--soft:#5b636d;--line:#dcdfe3;--rule:#e9ebee;--good:#00684a;--fill:#2b8a6e;--bad:#b00020;--badfill:#d1495b;--open:#8a5a00;--limit:#1c1f23;--chip:#eef0f2}
@media (prefers-color-scheme:dark){:root{--page:#14171a;--card:#1c2024;--ink:#e9ebee;--soft:#a3abb5;--line:#353b42;--rule:#2a3036;--good:#4cc79b;--fill:#3aa583;--bad:#ff6b81;--badfill:#e0586d;--open:#f0b429;--limit:#e9ebee;--chip:#2b3138}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:76rem;margin:0 auto;padding:1.5rem clamp(.9rem,3vw,2.5rem) 4rem}
h1{font-size:clamp(1.35rem,4vw,2rem);line-height:1.2;margin:0 0 .5rem;overflow-wrap:anywhere}
h2{font-size:1.3rem;margin:2.5rem 0 .75rem}
h3{font-size:1.1rem;margin:0;overflow-wrap:anywhere}
h4{font-size:.95rem;margin:1.1rem 0 .3rem}
p{margin:.4rem 0;max-width:70ch;overflow-wrap:anywhere}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.88em;overflow-wrap:anywhere}
.soft{color:var(--soft)}
.verdict{border-left:.45rem solid var(--open);padding:.2rem 0 .2rem 1rem}
.verdict.good{border-color:var(--good)}
.verdict.bad{border-color:var(--bad)}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:.6rem;margin:1.2rem 0;padding:0}
.figures div{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.5rem .75rem}
.figures dt{color:var(--soft);font-size:.82rem;line-height:1.3}
.figures dd{margin:.1rem 0 0;font-size:1.3rem;font-variant-numeric:tabular-nums;font-weight:600}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,25rem),1fr));gap:1rem;align-items:start}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem clamp(.8rem,2vw,1.3rem);min-width:0}
.head{display:flex;gap:.6rem;align-items:baseline;justify-content:space-between;flex-wrap:wrap}
.chip{display:inline-block;background:var(--chip);border-radius:1rem;padding:.05rem .65rem;font-size:.82rem;white-space:nowrap}
.chip.good{color:var(--good)}
.chip.bad{color:var(--bad);font-weight:600}
.chip.open{color:var(--open)}
h2+.soft{margin:-.4rem 0 .8rem}
.card h2{margin:0 0 .6rem;font-size:1.1rem}
svg{display:block;max-width:40rem;width:100%;height:auto}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}
svg .name{fill:var(--ink)}
.grid{stroke:var(--rule)}
.axis{stroke:var(--soft)}
.installed{stroke:var(--fill);fill:none;stroke-width:2}
.under{fill:var(--fill);opacity:.14}
.failed{stroke:var(--badfill);fill:none;stroke-width:2;stroke-dasharray:5 2}
.bar{fill:var(--fill)}
.bar.bad{fill:var(--badfill)}
.bar.open{fill:var(--soft)}
.track{fill:var(--chip)}
.limit{stroke:var(--limit);stroke-width:2}
.bound{fill:none;stroke:var(--ink);stroke-width:1.5}
.flag{fill:var(--bad)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1rem;padding:0;margin:.3rem 0 0;font-size:.82rem;color:var(--soft)}
.legend svg{display:inline-block;width:1.6rem;margin-right:.35rem;vertical-align:-1px}
.gates{list-style:none;padding:0;margin:0}
.gates li{border-top:1px solid var(--line);padding:.6rem 0}
.gates li:first-child{border-top:0}
.gates p{font-size:.9rem;margin:.15rem 0}
.course{list-style:none;padding:0;margin:0}
.course li{display:grid;grid-template-columns:1.2rem 1fr;gap:.1rem .4rem;padding:.35rem 0;border-top:1px solid var(--line);overflow-wrap:anywhere}
.course li:first-child{border-top:0}
.course time{grid-column:2;color:var(--soft);font-size:.82rem;font-variant-numeric:tabular-nums}
.course span{grid-column:2}
.course .mark{grid-column:1;grid-row:1/3;font-weight:700}
.mark.good{color:var(--good)}
.mark.bad{color:var(--bad)}
.mark.plain{color:var(--soft)}
@media (min-width:48rem){.course li{grid-template-columns:1.2rem 12.5rem 1fr}.course span{grid-column:3}.course .mark{grid-row:1}}
details{margin:.7rem 0 0}
summary{cursor:pointer}
:focus-visible{outline:3px solid var(--fill);outline-offset:2px}
.scroll{overflow-x:auto;max-height:24rem;overflow-y:auto;margin:.5rem 0 0}
table{border-collapse:collapse;width:100%;font-size:.88rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{color:var(--soft);font-weight:500}
.facts th{white-space:nowrap;width:1%}
@media print{.scroll{max-height:none}}
`;
