'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const at = id => document.getElementById(id);
  const STEP = 100; // entries of a section that are drawn at a time
  const words = {
    ok: 'ok', change: data.live ? 'changed' : 'will change', unknown: 'may change', fail: data.live ? 'failed' : 'will fail',
    unreachable: data.live ? 'unreachable' : 'could not be planned', not_attempted: data.live ? 'not attempted' : 'not planned to the end',
  };
  const colour = { ok: '--ok', change: '--change', unknown: '--unknown', fail: '--fail', unreachable: '--fail', not_attempted: '--quiet' };

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children.filter(child => child !== null && child !== undefined && child !== ''));
    return element;
  };
  const draw = (tag, attributes, text) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const hosts = (list, text) => (list.length > 3 ? `${list.length} hosts: ${text}` : text);
  const number = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;
  const clip = (text, length) => (text.length > length ? `${text.slice(0, length)}…` : text);
  const task = index => `${data.tasks[index].title} (${data.tasks[index].at})`;

  function head() {
    document.querySelector('h1').textContent = data.title;
    const began = new Date(data.began);
    at('about').textContent = `${number(data.hosts.length, 'host')}, ${number(data.tasks.length, 'task')} · ${began.toISOString().replace('T', ' ').slice(0, 19)} UTC · ` +
      `${((data.ended - data.began) / 1000).toFixed(1)} s · refit ${data.refit} · ${data.run}`;
  }

  function chart() {
    const width = 420, row = 26, total = Math.max(1, data.hosts.length);
    const svg = draw('svg', { width, height: row * data.outcomes.length, role: 'img', 'aria-label': 'Hosts by outcome', id: 'chart' });
    data.outcomes.forEach((outcome, index) => {
      const length = Math.max(3, 200 * outcome.hosts.length / total), y = index * row;
      const bar = draw('rect', { x: 0, y: y + 4, width: length, height: row - 8, rx: 2, style: `fill: var(${colour[outcome.name]})` });
      bar.append(draw('title', {}, outcome.text));
      svg.append(bar, draw('text', { x: length + 8, y: y + 17 }, `${outcome.hosts.length} ${words[outcome.name]}`));
    });
    return svg;
  }

  function summary() {
    const s = data.summary;
    const count = (...pairs) => pairs.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`).join(', ');
    const rows = [
      ['Files', count([s.files_new, 'new'], [s.files_changed, 'changed'], [s.files_removed, 'removed'])],
      ['Packages', count([s.packages_new, 'installed'], [s.packages_changed, 'of another version'], [s.packages_removed, 'removed'])],
      ['Accounts', count([s.accounts, 'changed'])],
      ['Services', count([s.units, 'changed or restarted'])],
      ['Reboots', count([s.reboots, 'hosts'])],
      ['Unknown', count([s.unknown, s.unknown === 1 ? 'task that may change something' : 'tasks that may change something'])],
    ];
    const table = make('table');
    for (const outcome of data.outcomes) {
      table.append(make('tr', {}, make('td', { class: outcome.name }, words[outcome.name]), make('td', {}, clip(hosts(outcome.hosts, outcome.text), 300))));
    }
    for (const [label, text] of rows) if (text) table.append(make('tr', {}, make('td', { class: 'quiet' }, label), make('td', {}, text)));
    for (const error of data.errors) table.append(make('tr', {}, make('td', { class: 'fail' }, 'error'), make('td', {}, error)));
    if (data.beside || data.deviations.length) {
      const text = data.deviations.length ? `${data.deviations.length} (below)` : 'none';
      table.append(make('tr', {}, make('td', { class: data.deviations.length ? 'fail' : 'ok' }, 'Deviations'), make('td', { id: 'deviations' }, text)));
    }
    at('summary').append(chart(), make('div', { class: 'numbers' }, table));
  }

  function timeline() {
    if (!data.batches.length) return;
    const shown = data.batches.slice(0, 200), row = 20, left = 240, width = 780;
    const first = Math.min(...shown.map(batch => batch.began)), last = Math.max(first + 1, ...shown.map(batch => batch.ended));
    const svg = draw('svg', { width: left + width + 90, height: row * shown.length, role: 'img', 'aria-label': 'Batches over time' });
    shown.forEach((batch, index) => {
      const x = left + width * (batch.began - first) / (last - first), y = index * row;
      const length = Math.max(2, width * (batch.ended - batch.began) / (last - first));
      const bar = draw('rect', { x, y: y + 3, width: length, height: row - 6, rx: 2, style: 'fill: var(--change)' });
      bar.append(draw('title', {}, `${batch.play}: ${batch.hosts}`));
      svg.append(draw('text', { x: 0, y: y + 14 }, clip(`${batch.play}: ${number(batch.count, 'host')}`, 36)), bar,
        draw('text', { x: Math.min(x + length + 6, left + width), y: y + 14 }, `${((batch.ended - batch.began) / 1000).toFixed(1)} s`));
    });
    at('timeline').append(make('h2', {}, `Batches (${data.batches.length})`), make('div', { style: 'overflow-x: auto' }, svg));
  }

  function order() {
    if (data.order.length < 2 && data.batches.length < 2) return;
    const list = make('ol');
    for (const play of data.order) {
      list.append(make('li', {}, make('b', {}, play.play), ` ${play.hosts} `, make('span', { class: 'quiet' }, play.at),
        ...play.batches.map(batch => make('div', {}, batch)), make('div', { class: 'quiet' }, play.changes)));
    }
    at('order').append(make('h2', {}, 'Order of the run'), list);
  }

  function unified(hunks) {
    const table = make('table', { class: 'diff' });
    const style = { '-': 'del', '+': 'add', '@': 'hunk', ' ': '' };
    for (const hunk of hunks) for (const [sign, text] of hunk) {
      table.append(make('tr', {}, make('td', { class: style[sign] }, sign === '@' ? text : sign + text)));
    }
    return table;
  }

  function beside(hunks) {
    const table = make('table', { class: 'diff' });
    const pair = (old, now) => table.append(make('tr', {}, make('td', { class: `half ${old === null ? '' : old[0] === '-' ? 'del' : ''}` }, old ? old[1] : ''),
      make('td', { class: `half ${now === null ? '' : now[0] === '+' ? 'add' : ''}` }, now ? now[1] : '')));
    for (const hunk of hunks) {
      let gone = [], come = [];
      const flush = () => {
        for (let index = 0; index < Math.max(gone.length, come.length); index++) pair(gone[index] ?? null, come[index] ?? null);
        gone = []; come = [];
      };
      for (const line of hunk) {
        if (line[0] === '-') gone.push(line);
        else if (line[0] === '+') come.push(line);
        else {
          flush();
          if (line[0] === '@') table.append(make('tr', {}, make('td', { class: 'hunk', colspan: 2 }, line[1])));
          else pair(line, line);
        }
      }
      flush();
    }
    return table;
  }

  /** An entry whose content is drawn when it is opened. */
  function entry(summaryParts, fill, attributes = {}) {
    const details = make('details', attributes, make('summary', {}, ...summaryParts));
    let drawn = null;
    details.redraw = () => { drawn?.remove(); drawn = null; if (details.open) { drawn = make('div'); fill(drawn); details.append(drawn); } };
    details.addEventListener('toggle', () => { if (details.open && !drawn) details.redraw(); });
    return details;
  }
  const mark = (name, text) => make('span', { class: `mark ${name}` }, text);
  const who = (list, text) => make('span', { class: 'who' }, clip(hosts(list, text), 120));

  function changeEntry(change) {
    const there = change.new && change.gone ? mark('quiet', 'made, and removed again') : change.new ? mark('ok', 'new') : change.gone ? mark('fail', 'removed') : null;
    const marks = [there, change.uncertain ? mark('unknown', 'may change') : null];
    return entry([make('code', {}, change.subject), ...marks.filter(Boolean), who(change.hosts, change.text)], box => {
      box.append(make('div', { class: 'quiet' }, `by ${change.tasks.map(task).join(', then ')}`));
      if (change.hosts.length > 3) box.append(make('div', { class: 'quiet' }, `on ${change.text}`));
      for (const [name, before, after] of change.fields) {
        box.append(make('div', {}, `${name}: `, make('code', { class: 'del' }, before), ' → ', make('code', { class: 'add' }, after)));
      }
      if (change.hunks.length) box.append(at('side').checked ? beside(change.hunks) : unified(change.hunks));
    }, { 'data-kind': change.kind });
  }

  function toldEntry(told) {
    return entry([make('span', { class: told.status }, data.tasks[told.task].title), make('span', { class: 'who' }, data.tasks[told.task].at), who(told.hosts, told.text)],
      box => box.append(make('pre', {}, told.why), make('div', { class: 'quiet' }, `on ${told.text}`)));
  }

  function groupEntry(group) {
    return entry([make('span', { class: group.outcome }, words[group.outcome]), who(group.hosts, group.text)], box => {
      box.append(make('div', { class: 'quiet' }, `${number(group.hosts.length, 'host')} with an equal ${data.live ? 'run' : 'plan'}: ${group.text}`));
      const table = make('table', { class: 'way' });
      for (const [index, status, took, planned] of data.ways[group.way]) {
        table.append(make('tr', {}, make('td', { class: status }, status), make('td', {}, data.tasks[index].title),
          make('td', { class: 'quiet' }, data.tasks[index].at), make('td', { class: 'quiet' }, `${took} ms`),
          make('td', { class: 'quiet' }, planned ? `planned: ${planned[0]}, ${planned[1]} ms` : '')));
      }
      box.append(table);
    });
  }

  const texts = new WeakMap();
  /** What the search looks at, made when first asked for. */
  function textOf(item) {
    if (!texts.has(item)) {
      const own = [item.subject ?? '', item.why ?? '', item.text ?? ''];
      for (const index of item.tasks ?? (item.task === undefined ? [] : [item.task])) own.push(task(index));
      for (const hunk of item.hunks ?? []) for (const line of hunk) own.push(line[1]);
      if (item.way !== undefined) for (const step of data.ways[item.way]) own.push(data.tasks[step[0]].title);
      texts.set(item, own.join('\n').toLowerCase());
    }
    return texts.get(item);
  }

  function matches(item) {
    const search = at('search').value.trim().toLowerCase(), host = at('host').value.trim(), role = at('role').value, kind = at('kind').value;
    if (host) {
      const known = data.hosts.indexOf(host);
      if (known >= 0 ? !item.hosts.includes(known) : !item.hosts.some(number => data.hosts[number].includes(host))) return false;
    }
    if (role) {
      const of = item.tasks ?? (item.task === undefined ? data.ways[item.way].map(step => step[0]) : [item.task]);
      if (!of.some(index => data.tasks[index].role === role)) return false;
    }
    if (kind && item.kind !== kind) return false;
    return !search || textOf(item).includes(search);
  }

  function section(title, items, draws, name) {
    const wanted = items.filter(matches);
    if (!wanted.length) return;
    at('main').append(make('h2', {}, `${title} (${wanted.length})`));
    const list = make('div', { class: 'list', 'data-section': name });
    let shown = 0;
    const more = make('button', { class: 'more' });
    const next = () => {
      for (const item of wanted.slice(shown, shown + STEP)) list.append(draws(item));
      shown = Math.min(shown + STEP, wanted.length);
      if (shown >= wanted.length) more.remove(); else more.textContent = `${wanted.length - shown} more`;
    };
    more.addEventListener('click', next);
    at('main').append(list, more);
    next();
  }

  function render() {
    at('main').replaceChildren();
    section('Not as planned', data.deviations, toldEntry, 'deviations');
    for (const kind of [...new Set(data.changes.map(change => change.kind))]) {
      section(kind, data.changes.filter(change => change.kind === kind), changeEntry, kind);
    }
    section('May change (known only when it runs)', data.told.filter(told => told.status === 'unknown'), toldEntry, 'unknown');
    section('Messages', data.told.filter(told => told.status === 'message'), toldEntry, 'messages');
    section(data.live ? 'Failed' : 'Will fail', data.told.filter(told => told.status === 'failed'), toldEntry, 'failed');
    section('Unreachable', data.told.filter(told => told.status === 'unreachable'), toldEntry, 'unreachable');
    section(`Hosts by equal ${data.live ? 'run' : 'plan'}`, data.groups, groupEntry, 'groups');
    if (!at('main').children.length) at('main').append(make('p', { class: 'none' }, 'Nothing to show.'));
  }

  const options = (id, first, values) => at(id).append(make('option', { value: '' }, first), ...values.map(value => make('option', {}, value)));
  head();
  summary();
  order();
  timeline();
  at('hosts').append(...data.hosts.slice(0, 2000).map(host => make('option', { value: host })));
  options('role', 'all roles', [...new Set(data.tasks.map(one => one.role).filter(Boolean))].sort());
  options('kind', 'all kinds', [...new Set(data.changes.map(change => change.kind))]);
  let waiting;
  for (const id of ['search', 'host', 'role', 'kind']) {
    at(id).addEventListener('input', () => { clearTimeout(waiting); waiting = setTimeout(render, 120); });
  }
  at('side').addEventListener('change', () => document.querySelectorAll('details[open]').forEach(details => details.redraw()));
  at('open').addEventListener('click', () => document.querySelectorAll('details').forEach(details => { details.open = true; }));
  at('close').addEventListener('click', () => document.querySelectorAll('details').forEach(details => { details.open = false; }));
  // What is after the `#` of the page's address sets the filters: a link to a part of it.
  const preset = new URLSearchParams(location.hash.slice(1));
  for (const id of ['search', 'host', 'role', 'kind']) if (preset.has(id)) at(id).value = preset.get(id);
  at('side').checked = preset.has('side');
  render();
  if (preset.has('open')) at('open').click();
  document.body.dataset.ready = 'yes';
})();
