//! The style sheet.

/// Colours follow the reader's light or dark mode.
pub(crate) const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1a1f26; --soft: #5b6672; --grid: #e3e7ec; --page: #ffffff;
  --card: #f6f8fa;
  --c0: #2563c9; --c1: #c2410c; --c2: #0f7b6c; --c3: #8b3fb0; --c4: #a16207; --c5: #be185d; --bad: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa5b1; --grid: #2d343d;
  --page: #14181d; --card: #1c2229;
  --c0: #6ea3f7; --c1: #f0894f; --c2: #3fbfa9; --c3: #c58ae6; --c4: #d9a62e; --c5: #f27bb0; --bad: #f87171;
  } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 900px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .3rem; } p { margin: .3rem 0;
  color: var(--soft); }
.tiles { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1.2rem 0; }
.tile { background: var(--card); border-radius: 8px; padding: .6rem 1rem; min-width: 7rem; }
.tile b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
  .tile span { color: var(--soft); font-size: .85rem; }
.bad b { color: var(--bad); }
svg { width: 100%; height: auto; display: block; } svg text { font-size: 12px; fill: var(--soft); }
  .end { text-anchor: end; } .middle { text-anchor: middle; }
.grid { stroke: var(--grid); } .tick { stroke: var(--soft); } polyline { fill: none; stroke-width: 2;
  stroke-linejoin: round; } circle { fill-opacity: 0; }
circle:hover { fill-opacity: 1; }
polyline.c0 { stroke: var(--c0); } polyline.c1 { stroke: var(--c1); } polyline.c2 { stroke: var(--c2); }
  polyline.c3 { stroke: var(--c3); }
polyline.c4 { stroke: var(--c4); } polyline.c5 { stroke: var(--c5); }
svg .c0 { fill: var(--c0); } svg .c1 { fill: var(--c1); } svg .c2 { fill: var(--c2); }
  svg .c3 { fill: var(--c3); } svg .c4 { fill: var(--c4); } svg .c5 { fill: var(--c5); }
svg polyline { fill: none !important; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
  th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--grid); }
th { color: var(--soft); font-weight: 500; } th:first-child, td:first-child { text-align: left;
  padding-left: 0; }
.bars { display: grid; grid-template-columns: minmax(4rem, 14rem) 1fr auto; gap: .2rem .8rem;
  align-items: center; margin: .8rem 0; }
.bars span { overflow: hidden; text-overflow: ellipsis; } .bars i { background: var(--c0); height: .7rem;
  border-radius: 3px; min-width: 1px; }
.bars b { font-weight: 400; text-align: right; font-variant-numeric: tabular-nums; color: var(--soft); }
pre { background: var(--card); padding: .8rem; border-radius: 8px; overflow-x: auto; font-size: 13px; }
";
