// An alert of TheHive: its row in the list, its description, its observables.
import { day, escaped, link, markdown, page } from '../html.mjs';

const words = markdown('emphasis', 'strikethrough', 'escape', 'entity', 'link', 'autolink', 'backticks', 'newline', 'list', 'blockquote', 'heading', 'table', 'fence');

const style = `
#message { background: #eef1f5; color: #22303f; }
.card { background: #fff; border: 1px solid #d6dde5; border-left: 5px solid; border-radius: 4px; padding: 10px 12px; margin-bottom: 8px; }
.card + .card { border-left: 1px solid #d6dde5; }
.severity { display: inline-block; color: #fff; font-size: 11px; font-weight: bold; border-radius: 3px; padding: 1px 6px; }
.title { font-weight: bold; margin: 4px 0; }
small { color: #64748b; }
.tag { display: inline-block; background: #e3ebf5; border-radius: 3px; padding: 0 6px; font-size: 12px; margin: 3px 3px 0 0; }
a { color: #1769d2; text-decoration: none; }
p { margin: 0 0 6px; }
table { border-collapse: collapse; font-size: 14px; margin-bottom: 6px; }
td { border: 1px solid #e2e8f0; padding: 3px 8px; vertical-align: top; }
th:empty { display: none; }
td:first-child { white-space: nowrap; }`;

const SEVERITIES = { 1: ['LOW', '#64748b'], 2: ['MEDIUM', '#b38600'], 3: ['HIGH', '#e8710a'], 4: ['CRITICAL', '#d93025'] };
const TLP = ['CLEAR', 'GREEN', 'AMBER', 'AMBER+STRICT', 'RED'];

export function draw(body) {
  const alert = JSON.parse(body);
  const [label, color] = SEVERITIES[alert.severity];
  const tags = alert.tags.map((one) => `<span class="tag">${escaped(one)}</span>`);
  const observables = (alert.observables ?? []).map((one) => `<tr><td>${escaped(one.dataType)}</td>
    <td>${escaped(one.data)}<br><small>${one.ioc ? '★ IOC, ' : ''}${escaped((one.tags ?? []).join(', '))}</small></td></tr>`);
  return page({ style, body: `<div class="card" style="border-left-color:${color}">
    <span class="severity" style="background:${color}">${label}</span> <small>TLP:${TLP[alert.tlp]}, ${day(alert.date)}</small>
    <div class="title">${escaped(alert.title)}</div>
    <small>${escaped(alert.type)} / ${escaped(alert.source)} / ${escaped(alert.sourceRef)}</small>
    <div>${tags.join('')}</div>${alert.externalLink ? link(alert.externalLink, 'External link') : ''}</div>
    <div class="card">${words.render(alert.description)}</div>
    ${observables.length ? `<div class="card"><b>Observables</b><table>${observables.join('')}</table></div>` : ''}` });
}
