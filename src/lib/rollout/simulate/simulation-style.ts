/** Style of the page. Lines are told apart by their dashes as well as by blue, red and amber. */
export const SIMULATION_STYLE = `
:root{color-scheme:light dark;--page:#fbfbf9;--card:#fff;--ink:#1c1f23;--soft:#5b636d;--line:#dcdfe3;--rule:#edeff1;--plan:#0072b2;--other:#b96f00;--bad:#b00020}
@media (prefers-color-scheme:dark){:root{--page:#14171a;--card:#1c2024;--ink:#e9ebee;--soft:#a3abb5;--line:#353b42;--rule:#262b30;--plan:#56b4e9;--other:#f0b429;--bad:#ff6b81}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:66rem;margin:0 auto;padding:1.5rem clamp(.9rem,3vw,2.5rem) 4rem}
h1{font-size:clamp(1.3rem,4vw,1.9rem);line-height:1.25;margin:0 0 .5rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem}
p,li{max-width:70ch}
.soft{color:var(--soft)}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem;margin:0 0 1rem;overflow-x:auto}
.chart{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}
svg .tick{font-size:11px}
.grid{stroke:var(--rule);fill:none}
.line{fill:none;stroke-width:2}
.campaign{stroke:var(--plan)}
.harmed{stroke:var(--bad);stroke-dasharray:2 3}
.hawkbit{stroke:var(--other);stroke-dasharray:7 4}
.band{stroke:none;opacity:.2}
.band.campaign{fill:var(--plan)}
.band.hawkbit{fill:var(--other)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.4rem;padding:0;margin:.5rem 0 0;font-size:.88rem;color:var(--soft)}
.legend svg{margin-right:.4rem;vertical-align:middle}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:.25rem .9rem .25rem 0;border-bottom:1px solid var(--rule)}
th:first-child,td:first-child{text-align:left}
th{color:var(--soft);font-weight:600}
`;
