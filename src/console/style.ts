/** The one style sheet of all pages. It is fixed text, so that a page's policy can allow it by its hash alone. */
export const style = `
:root{color-scheme:light dark;--paper:#fff;--ground:#f4f6f8;--ink:#16202a;--soft:#52606d;--line:#d9e0e6;--track:#e3e9ee;
--good:#0b7a4b;--accent:#0b5cad;--warn:#8a5a10;--c0:#c2410c;--c1:#b7791f;--c2:#7c3aed;--c3:#be185d;--c4:#2563eb;--c5:#0e7490;--c6:#65700f;--c7:#64748b}
@media (prefers-color-scheme:dark){:root{--paper:#18212b;--ground:#0f161d;--ink:#e8edf2;--soft:#a6b3bf;--line:#2d3a47;--track:#2a3642;
--good:#3ecf8e;--accent:#7cb8f5;--warn:#f0c24b;--c0:#fb8b54;--c1:#f0c24b;--c2:#b794f6;--c3:#f687b3;--c4:#7aa2f7;--c5:#4fd1e0;--c6:#b8c75a;--c7:#94a3b8}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
.switch{position:absolute;opacity:0;pointer-events:none}
main{max-width:1120px;margin:0 auto;padding:24px 20px 48px}
header{display:flex;flex-wrap:wrap;gap:12px 24px;justify-content:space-between;align-items:flex-start;margin-bottom:20px}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 4px}
h2{font-size:1.15rem;margin:0 0 14px}
p{margin:0 0 8px}
.soft{color:var(--soft)}
.languages{display:flex;border:1px solid var(--line);border-radius:8px;overflow:hidden;background:var(--paper)}
.languages label,.languages a{padding:6px 14px;cursor:pointer;color:var(--ink);text-decoration:none}
#language-vi:checked~main [for=language-vi],#language-en:checked~main [for=language-en],.languages [aria-current]{background:var(--accent);color:var(--paper)}
#language-vi:focus-visible~main [for=language-vi],#language-en:focus-visible~main [for=language-en],a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
#language-vi:checked~main .en,#language-en:checked~main .vi,.show-vi .en,.show-en .vi{display:none}
section{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:20px;margin-bottom:16px}
.hero{display:grid;grid-template-columns:auto 1fr;gap:12px 40px;align-items:center}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:16px;margin:0}
.figures dd.soft{font-size:1rem;font-weight:400}
.figures div{border-left:4px solid var(--line);padding-left:12px}
.figures .good{border-color:var(--good)}
.figures .gap{border-color:var(--c0)}
dt{color:var(--soft);font-size:.9rem}
dd{margin:0;font-size:1.7rem;font-weight:650;font-variant-numeric:tabular-nums;line-height:1.25}
section>p:last-child{margin:0}
.note{border-left:4px solid var(--accent)}
svg{display:block}
svg text{fill:var(--ink);font-family:inherit}
.track{fill:var(--track)}
.delivered{fill:var(--good)}
.ring{margin:0 auto;max-width:100%}
.ring circle{fill:none;stroke-width:22}
.ring .track{stroke:var(--track)}
.ring .filled{stroke:var(--good)}
.ring .mark{stroke:var(--ink);stroke-width:2}
.ring .big{font-size:31px;font-weight:700}
.ring .small,svg .label{fill:var(--soft);font-size:13px}
svg .value{font-size:13px;font-weight:650}
.trend .line{fill:none;stroke:var(--good);stroke-width:2.5}
.trend .dot{fill:var(--good)}
.cause-line{padding:6px 0;border-top:1px solid var(--line);margin:0}
.target{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:5 4;fill:none}
.stack{width:100%;height:40px;border-radius:8px;margin-bottom:14px}
.c0{fill:var(--c0)}.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}.c4{fill:var(--c4)}.c5{fill:var(--c5)}.c6{fill:var(--c6)}.c7{fill:var(--c7)}
.swatch{width:16px;height:16px;flex:none}
.row{display:grid;grid-template-columns:16px 1fr auto 72px;gap:12px;align-items:baseline;padding:10px 0;border-top:1px solid var(--line)}
.row .swatch{align-self:start;margin-top:4px}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.row .number:not(.soft){font-weight:650}
details>summary{cursor:pointer;list-style-position:outside}
.cause>summary{list-style:none}
.cause>summary::-webkit-details-marker{display:none}
.words::after{content:"\u00a0▸";color:var(--soft)}
.cause[open] .words::after{content:"\u00a0▾"}
.inside{padding:0 0 14px 28px}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.875em;overflow-wrap:anywhere}
.codes{display:flex;flex-wrap:wrap;gap:6px;list-style:none;padding:0;margin:0 0 8px}
.codes code{background:var(--ground);border:1px solid var(--line);border-radius:6px;padding:2px 8px;display:block}
a{color:var(--accent)}
.scroll{overflow-x:auto}
.scroll+p{margin-top:10px}
code.time{overflow-wrap:normal}
table{border-collapse:collapse;width:100%;font-size:.95rem}
th,td{padding:8px 10px;border-top:1px solid var(--line);text-align:left;vertical-align:top}
th:first-child,td:first-child{padding-left:0}
th:last-child,td:last-child{padding-right:0}
thead th,thead td{border-top:0}
thead th{color:var(--soft);font-weight:600;font-size:.85rem;white-space:nowrap}
tbody th{font-weight:500;min-width:150px}
tbody th code{display:block;color:var(--soft);font-weight:400}
thead .number,td.number{text-align:right}
.rate{min-width:84px}
.mini{width:100%;height:6px;margin-top:4px;border-radius:3px}
.more{margin-top:10px}
.more>summary{color:var(--accent);padding:4px 0}
.more table{margin-top:8px}
.all-rows{display:inline-block;margin-top:10px;padding:4px 0;color:var(--accent);cursor:pointer}
.rest{display:none}
.unfold:checked~.scroll .rest{display:table-row}
.unfold:checked~.all-rows{display:none}
.unfold:focus-visible~.all-rows{outline:3px solid var(--accent);outline-offset:2px}
button.sort{border:0;background:none;color:inherit;padding:0;font-weight:inherit;text-align:inherit}
button.sort::after{content:" ↕";opacity:.45}
[aria-sort=ascending]>button.sort::after{content:" ↑";opacity:1}
[aria-sort=descending]>button.sort::after{content:" ↓";opacity:1}
footer{color:var(--soft);font-size:.9rem}
.top{display:flex;flex-wrap:wrap;gap:8px 20px;align-items:center;background:var(--paper);border-bottom:1px solid var(--line);padding:8px 20px}
.top nav{display:flex;flex-wrap:wrap;gap:2px;flex:1;font-size:.95rem}
.menu-button,.unmenu{display:none}
.unmenu:focus-visible+.menu-button{outline:3px solid var(--accent);outline-offset:2px}
.top nav a{padding:5px 9px;border-radius:8px;text-decoration:none;color:var(--ink)}
.top nav a[aria-current]{background:var(--ground);font-weight:650}
.top .languages{font-size:.85rem}
.top .languages a{padding:4px 10px}
.person{display:flex;gap:8px;align-items:center;margin:0}
button{font:inherit;cursor:pointer;border:1px solid var(--accent);background:var(--accent);color:var(--paper);border-radius:8px;padding:7px 16px}
button.plain{background:var(--paper);color:var(--accent);padding:5px 12px}
button:focus-visible,input:focus-visible,select:focus-visible,textarea:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
input:not([type=radio]):not([type=checkbox]):not([type=hidden]),select,textarea{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:7px 10px;max-width:100%}
label input:not([type=radio]):not([type=checkbox]),label select,label textarea{display:block;width:100%;margin-top:4px}
input[type=radio],input[type=checkbox]{width:18px;height:18px;vertical-align:-3px;margin:0 4px 0 0;accent-color:var(--accent)}
.unseen{position:absolute;left:-999em}
.narrow{max-width:520px;margin:24px auto}
.bad{border-left:4px solid var(--c0);padding-left:12px}
.tabs{display:flex;flex-wrap:wrap;gap:6px;margin-bottom:12px}
.tabs a{padding:6px 12px;border:1px solid var(--line);border-radius:99px;text-decoration:none;color:var(--ink);background:var(--paper)}
.tabs .here{background:var(--accent);border-color:var(--accent);color:var(--paper)}
.count{opacity:.75;font-variant-numeric:tabular-nums}
.figures+p{margin-top:12px}
.find{display:flex;flex-wrap:wrap;gap:8px;margin-bottom:12px}
.find input[type=search]{flex:1 1 160px;min-width:0}
main>h1{margin-bottom:14px}
section>details>summary{list-style-position:inside}
label+p,label+.actions,.fields+.actions{margin-top:12px}
.changes .soft{display:block}
.bulk{display:flex;flex-wrap:wrap;gap:8px 20px;align-items:center;margin:0 0 10px}
.code-row{display:grid;grid-template-columns:24px 1fr auto;gap:4px 12px;padding:12px 0;border-top:1px solid var(--line)}
.code-row .number span{display:block}
.proposal{margin-top:6px;padding-left:10px;border-left:3px solid var(--line)}
.tag{display:inline-block;font-size:.8rem;border-radius:99px;padding:1px 10px;border:1px solid var(--line);white-space:nowrap}
.tag.accept{border-color:var(--good);color:var(--good)}
.tag.review{border-color:var(--c1);color:var(--warn)}
.tag.none{color:var(--soft)}
.pager,.path,.actions,.buttons{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center}
.path{justify-content:space-between}
.name{font-size:1.15rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:12px;margin-bottom:14px}
.card{border:1px solid var(--line);border-radius:10px;padding:14px;display:flex;flex-direction:column;gap:6px}
.card:has(input:checked){border-color:var(--accent);box-shadow:0 0 0 1px var(--accent)}
.card>label{display:flex;gap:8px;align-items:center;flex-wrap:wrap}
.card>label .number{margin-left:auto}
.card>button{align-self:flex-start;margin-top:auto}
.differ{margin:0}
.differ .soft{font-size:.8rem;display:block}
mark{background:none;color:var(--c0);font-weight:650;text-decoration:underline;text-decoration-thickness:2px;text-underline-offset:3px}
.reasons{margin:0;padding-left:20px;font-size:.9rem}
.reasons .for::marker{content:"+ ";color:var(--good);font-weight:700}
.reasons .against::marker{content:"− ";color:var(--c0);font-weight:700}
.choices{display:flex;flex-wrap:wrap;gap:10px 22px;align-items:center}
.other{display:flex;gap:8px;align-items:center}
.other input[name=other]{width:9.5em}
.fields{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:12px;margin-top:12px}
.mapping{display:flex;flex-wrap:wrap;gap:8px 20px;justify-content:space-between;align-items:center;padding:8px 0;border-top:1px solid var(--line)}
.changes{margin:0 0 8px;padding-left:20px}
.changes li{margin:4px 0;overflow-wrap:anywhere}
.released{font-size:1.15rem}
.facts th{width:12em;min-width:7em;color:var(--soft);padding-left:0;font-weight:400}
.facts td{overflow-wrap:anywhere}
.time{white-space:nowrap;font-variant-numeric:tabular-nums}
.find input[type=text]{flex:1 1 200px;min-width:0}
svg.stack{margin-bottom:8px;height:16px}
.indicator{border-top:1px solid var(--line);padding:12px 0}
.indicator h3{font-size:1rem;margin:0 0 8px}
.indicator p{margin-bottom:4px}
.indicator summary{list-style-position:inside}
h2 .soft{font-weight:400;font-size:.85rem}
@media (max-width:640px){
main{padding:16px 12px 32px}
section{padding:16px}
h1{font-size:1.3rem}
.hero{grid-template-columns:1fr}
.figures{grid-template-columns:1fr 1fr}
dd{font-size:1.35rem}
.wide{display:none}
.row{grid-template-columns:16px 1fr auto;gap:4px 10px}
.row>:nth-child(-n+2){grid-row:1/3}
.row .soft.number{grid-column:3;grid-row:2}
thead th,thead .number{white-space:normal;font-size:.8rem}
tbody th{min-width:110px;overflow-wrap:anywhere}
table{font-size:.88rem}
.rate{min-width:62px}
.inside{padding-left:26px}
th,td{padding:8px 6px}
.top{padding:8px 12px}
.top nav{order:9;flex-basis:100%}
.unmenu{display:block}
.menu-button{display:block;order:8;flex-basis:100%;padding:6px 10px;border:1px solid var(--line);border-radius:8px;cursor:pointer}
.unmenu:not(:checked)~nav{display:none}
.card{padding:12px}
.code-row{grid-template-columns:24px 1fr}
.code-row .number{grid-column:2;text-align:left}
.code-row .number span{display:inline}
}
@media print{body{background:none}.languages,.top,form.find{display:none}section{break-inside:avoid}}
`
