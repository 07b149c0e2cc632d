/**
 * What the report page can do beyond being read: point at an operation, walk through them with the arrow keys, copy a
 * replay token, save the report. Runs in a browser; everything it shows stands in the page already, and is set as text.
 */
export const REPORT_SCRIPT = `
'use strict';
for (const timeline of document.querySelectorAll('.timeline')) {
  const area = timeline.querySelector('.scroll');
  const cursor = timeline.querySelector('.cursor');
  const readout = timeline.querySelector('.readout');
  const hits = [...timeline.querySelectorAll('.hit')];
  if (hits.length === 0) continue;
  const texts = hits.map((hit) => {
    const title = hit.querySelector('title');
    title.remove();
    return title.textContent;
  });
  let chosen = -1;
  const choose = (index, reveal) => {
    chosen = Math.max(0, Math.min(hits.length - 1, index));
    const hit = hits[chosen];
    cursor.setAttribute('x', hit.getAttribute('x'));
    cursor.classList.add('on');
    const [what, outcome] = texts[chosen].split(' \\u00b7 ');
    const head = document.createElement('b');
    head.textContent = what;
    readout.replaceChildren(head, outcome);
    area.setAttribute('aria-valuenow', String(chosen + 1));
    area.setAttribute('aria-valuetext', texts[chosen]);
    if (!reveal) return;
    const x = Number(hit.getAttribute('x'));
    if (x < area.scrollLeft + 20) area.scrollLeft = x - area.clientWidth / 3;
    else if (x > area.scrollLeft + area.clientWidth - 30) area.scrollLeft = x - (area.clientWidth * 2) / 3;
  };
  const point = (event) => {
    const index = hits.indexOf(event.target);
    if (index >= 0) choose(index, false);
  };
  const glance = timeline.querySelector('.glance');
  const shown = glance.querySelector('.window');
  const width = glance.viewBox.baseVal.width;
  const showWindow = () => {
    shown.setAttribute('x', String(area.scrollLeft));
    shown.setAttribute('width', String(area.clientWidth < width ? area.clientWidth : 0));
  };
  area.addEventListener('scroll', showWindow);
  addEventListener('resize', showWindow);
  showWindow();
  const travel = (event) => {
    if (event.type === 'pointermove' && event.buttons === 0) return;
    const box = glance.getBoundingClientRect();
    area.scrollLeft = ((event.clientX - box.left) / box.width) * width - area.clientWidth / 2;
  };
  glance.addEventListener('pointerdown', travel);
  glance.addEventListener('pointermove', travel);
  area.setAttribute('role', 'slider');
  area.setAttribute('aria-label', 'Operation');
  area.setAttribute('aria-valuemin', '1');
  area.setAttribute('aria-valuemax', String(hits.length));
  area.setAttribute('aria-valuenow', '1');
  area.setAttribute('aria-valuetext', texts[0]);
  area.addEventListener('pointermove', point);
  area.addEventListener('click', point);
  area.addEventListener('keydown', (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, PageDown: 20, PageUp: -20, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(chosen + step, true);
  });
  readout.textContent = 'Point at a column, tap it, or walk with the arrow keys to see what was done and what a fault there led to.';
}
for (const button of document.querySelectorAll('button[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const source = button.parentElement.querySelector('code');
    getSelection().selectAllChildren(source);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Selected';
    }
  });
}
const save = document.getElementById('save');
save.hidden = false;
save.addEventListener('click', () => {
  const link = document.createElement('a');
  const json = document.getElementById('report').textContent;
  link.href = URL.createObjectURL(new Blob([JSON.stringify(JSON.parse(json), null, 2) + '\\n'], { type: 'application/json' }));
  link.download = 'simulation-report.json';
  link.click();
  URL.revokeObjectURL(link.href);
});
`;
