"use strict";
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);

  // Rows of their own for each chart: Vega writes into them.
  const rows = (columns) => {
    const names = Object.keys(columns);
    const count = names.length ? columns[names[0]].length : 0;
    return Array.from({ length: count }, (_, i) =>
      Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  };
  const used = (spec) => {
    const names = new Set();
    JSON.stringify(spec.layer, (key, value) => {
      if (key === "data" && value && value.name) names.add(value.name);
      return value;
    });
    if (spec.data && spec.data.name) names.add(spec.data.name);
    return Object.fromEntries([...names].map((name) => [name, rows(page.data[name])]));
  };
  const big = (datasets) => Object.values(datasets).some((each) => each.length > 500);
  const draw = async ([id, spec]) => {
    const datasets = used(spec);
    await vegaEmbed(`#${id}`, { ...spec, datasets }, {
      mode: "vega-lite",
      config: page.config,
      renderer: big(datasets) ? "canvas" : "svg",
      actions: id.startsWith("chart-box") ? false :
        { export: true, source: false, compiled: false, editor: false },
    });
  };
  Promise.all(Object.entries(page.charts).map(draw)).then(
    () => { document.body.dataset.charts = "drawn"; },
    (error) => {
      document.body.dataset.charts = "failed";
      console.error(error);
    });

  // A click on a title sorts; another one turns the order round.
  for (const table of document.querySelectorAll("table.sortable")) {
    const titles = [...table.tHead.rows[0].cells];
    titles.forEach((title, column) => {
      const button = title.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const up = title.getAttribute("aria-sort") === "descending";
        titles.forEach((other) => other.removeAttribute("aria-sort"));
        title.setAttribute("aria-sort", up ? "ascending" : "descending");
        const key = (body) => body.rows[0].cells[column].dataset.key;
        const less = (a, b) => {
          if (a === "" || b === "") return (a === "") - (b === "");
          const order = title.dataset.kind === "text" ?
            b.localeCompare(a, "en", { numeric: true }) : Number(b) - Number(a);
          return up ? -order : order;
        };
        const bodies = [...table.tBodies].sort((a, b) => less(key(a), key(b)));
        bodies.forEach((body) => table.append(body));
      });
    });
  }

  // A click opens the whole tree; the next one closes it.
  for (const button of document.querySelectorAll("button.all")) {
    const all = button.closest("section").querySelectorAll("details");
    button.hidden = false;
    button.addEventListener("click", () => {
      const open = button.textContent === "Open all";
      all.forEach((details) => { details.open = open; });
      button.textContent = open ? "Close all" : "Open all";
    });
  }

  // A click on a name or picture folds out the row below.
  for (const button of document.querySelectorAll("button.fold")) {
    button.addEventListener("click", () => {
      const body = button.closest("tbody");
      const more = body.rows[1];
      more.hidden = !more.hidden;
      const place = more.querySelector(".picture");
      const small = body.querySelector("img.small");
      if (!place.firstChild && small) {
        const image = document.createElement("img");
        image.src = small.src;
        image.alt = small.alt;
        place.append(image);
      }
      for (const other of body.querySelectorAll("button.fold"))
        other.setAttribute("aria-expanded", String(!more.hidden));
    });
  }
})();
