// The page is only ever given text: keys, names and commands come from strangers. Nothing here parses
// HTML, and what has not changed is not touched, so that selections and focus stay.

export const at = (id) => document.getElementById(id);

export const put = (node, text) => {
  const said = text ?? "";
  if (node.textContent !== String(said)) node.textContent = said;
};

export const attr = (node, name, value) => {
  if (value === null || value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
};

export const el = (tag, properties = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
};

// Children of `parent`, one for each of `items`: made once, then only filled.
export const each = (parent, items, make, fill) => {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  items.forEach((item, index) => {
    fill(parent.children[index] ?? parent.appendChild(make(index)), item, index);
  });
};

// Pairs of a definition list: [term, text, class, share]; a share is a bar beside the text.
export const facts = (list, pairs) => {
  const cells = pairs.filter(Boolean).flatMap(([term, said, kind, bar]) => [{ said: term }, { said, kind, bar }]);
  const make = (index) => el(index % 2 ? "dd" : "dt", {}, el("span"));
  each(list, cells, make, (node, { said, kind, bar }) => {
    node.className = kind ?? "";
    put(node.firstChild, said);
    gauge(node, bar);
  });
};

// How much of what there is: beside words that say the same.
const gauge = (node, share) => {
  const old = node.querySelector(".share");
  if (typeof share !== "number") return old?.remove();
  const it = old ?? node.appendChild(el("span", { className: "share", ariaHidden: "true" }, el("i")));
  it.firstChild.style.width = `${Math.min(share, 1) * 100}%`;
  return undefined;
};

// A table: columns are { head, label, right, fill(cell, row) }; the first cell of a row is its heading.
export const table = (node, columns, rows, none) => {
  const head = node.tHead;
  if (!head.firstChild) {
    head.append(el("tr", {}, ...columns.map((column) => el("th", { scope: "col", className: column.right ? "n" : "", textContent: column.head }))));
  }
  const body = node.tBodies[0];
  head.hidden = rows.length === 0;
  if (rows.length === 0) {
    if (!body.querySelector(".none")) body.replaceChildren(el("tr", { className: "none" }, el("td", { colSpan: columns.length, textContent: none })));
    return;
  }
  body.querySelector(".none")?.remove();
  // Where there is no room for columns each cell says its own (style.css, .stack).
  const make = () => el("tr", {}, ...columns.map(({ head, right, label = head }, index) => (
    index ? el("td", { className: right ? "n" : "", "data-label": label }) : el("th", { scope: "row" }))));
  each(body, rows, make, (line, row) => columns.forEach((column, index) => column.fill(line.children[index], row)));
};

// A cell with a line of small print below.
export const two = (cell, first, second, mono) => {
  if (cell.children.length === 0) cell.append(el("span", { className: mono ? "mono" : "" }), el("span", { className: "sub" }));
  put(cell.children[0], first);
  put(cell.children[1], second);
};
