// Draws the charts of a report, colours them as the page is coloured, and
// answers its buttons. `Bokeh` is inlined before this script.
"use strict";

const suncet = {
  // 0.25, 500, 12k, 1.25M: four significant digits and a unit.
  short(exact) {
    const value = Number(exact.toPrecision(4));  // 999,999 is 1M, not 1000k
    const units = [[1e18, "E"], [1e15, "P"], [1e12, "T"], [1e9, "G"],
      [1e6, "M"], [1e3, "k"]];
    const size = Math.abs(value);
    for (const [factor, unit] of units) {
      if (size >= factor) return `${Number((value / factor).toPrecision(4))}${unit}`;
    }
    if (size > 0 && size < 1e-4) return value.toExponential(1);
    return String(value);
  },
  percent: (value) => `${(100 * value).toFixed(1)} %`,
  spread: (value) => value > 0 ? ` \u00b1 ${suncet.short(value)}` : "",
  spreadPercent: (value) =>
    value > 0 ? ` \u00b1 ${suncet.percent(value)}` : "",
  views: [],
};

(() => {
  const root = document.documentElement;

  function css(name) {
    return getComputedStyle(root).getPropertyValue(name).trim();
  }

  function paintAxis(model, colors) {
    model.setv({
      axis_line_color: colors.line, major_tick_line_color: null,
      minor_tick_line_color: null, major_label_text_color: colors.soft,
      axis_label_text_color: colors.soft, axis_label_text_font_style: "normal",
      axis_label_text_font_size: "13px", major_label_text_font_size: "12px",
      axis_label_text_font: "system-ui, sans-serif",
      major_label_text_font: "system-ui, sans-serif",
    });
  }

  function paintGlyph(model) {
    const color = css(`--${model.name}`);
    const changes = {};
    for (const name of ["line_color", "fill_color"]) {
      if (name in model.properties) changes[name] = color;
    }
    model.setv(changes);
  }

  function models() {
    return suncet.views.flatMap((view) => [...view.model.document.all_models]);
  }

  function paint() {
    const colors = {soft: css("--soft"), line: css("--line")};
    for (const model of models()) {
      if (model.type.endsWith("Axis")) paintAxis(model, colors);
      else if (model.type === "Grid") {
        model.setv({grid_line_color: colors.line});
      } else if (/^(c\d+|other)$/.test(model.name ?? "")) paintGlyph(model);
    }
  }

  // A printed page does not wait for Bokeh, which draws a little later.
  function paintForPrint(isPrint) {
    root.classList.toggle("light", isPrint);
    paint();
    for (const view of Bokeh.index.roots) {
      for (const part of view.renderer_views?.values() ?? []) {
        part.set_visuals?.();
      }
      view.paint?.();
    }
  }

  function hover(type, target, {clientX, clientY}) {
    target.dispatchEvent(new PointerEvent(type, {clientX, clientY, view: window,
      isPrimary: true, pointerType: "mouse", composed: true}));
  }

  // Bokeh shows what is at a pointer that hovers, which a finger does not.
  let touched = null;
  function hoverAtTap(event) {
    if (event.pointerType !== "touch") return;
    const [target] = event.composedPath();
    // After what the browser itself tells of the finger that is gone.
    setTimeout(() => {
      if (touched && touched !== target) hover("pointerout", touched, event);
      hover("pointermove", target, event);
      touched = target;
    });
  }

  function viewsIn(container) {
    return suncet.views.filter(({place}) => container.contains(place));
  }

  function press(button, isPressed) {
    button.setAttribute("aria-pressed", String(isPressed));
  }

  function chooseAxis(axis) {
    for (const button of document.querySelectorAll("[data-axis]")) {
      const group = button.closest(".switch");
      if ([...group.children].some((other) => other.dataset.axis === axis)) {
        press(button, button.dataset.axis === axis);
      }
    }
    for (const {model} of suncet.views) {
      let isChanged = false;
      for (const source of model.document.all_models) {
        if (source.type !== "ColumnDataSource") continue;
        const data = {...source.data};
        if (!(`x:${axis}` in data)) continue;
        for (const name of Object.keys(data)) {
          const [column, other] = [name.split(":", 1)[0], name.indexOf(":")];
          if (other >= 0 && name.slice(other + 1) === axis) {
            data[column] = data[name];
          }
        }
        source.data = data;
        isChanged = true;
      }
      if (!isChanged) continue;
      for (const item of model.below) {
        if (item.type.endsWith("Axis")) item.axis_label = axis;
      }
      model.reset.emit();
    }
  }

  function toggleSeries(button) {
    const isShown = button.getAttribute("aria-pressed") !== "true";
    press(button, isShown);
    for (const {model} of viewsIn(button.closest(".chart-group"))) {
      for (const renderer of model.renderers) {
        if (renderer.name === button.dataset.series) renderer.visible = isShown;
      }
    }
  }

  // Sheets of small pictures become addresses that a tooltip can name briefly.
  function openSheets() {
    for (const sheet of document.querySelectorAll("[data-sheet]")) {
      const [head, data] = sheet.textContent.split(",");
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const blob = new Blob([bytes], {type: head.match(/data:([^;]*)/)[1]});
      root.style.setProperty(`--${sheet.dataset.sheet}`,
        `url(${URL.createObjectURL(blob)})`);
    }
  }

  // Bokeh would compile the code that it is given, which a page may forbid;
  // here the code is the name of a function above.
  function nameFunctions() {
    Bokeh.Models.CustomJSTickFormatter.prototype.doFormat = function (ticks) {
      return ticks.map((tick) => suncet[this.code](tick));
    };
    Bokeh.Models.CustomJSHover.prototype.format = function (value) {
      return suncet[this.code](value);
    };
  }

  async function draw(place, isTouch) {
    const manager = await Bokeh.embed.embed_item(
      JSON.parse(place.querySelector("script").textContent), place);
    place.querySelector("p").remove();
    const view = manager.roots[0];
    suncet.views.push({model: view.model, place});
    if (isTouch) view.model.toolbar.active_drag = null;
  }

  async function start() {
    openSheets();
    nameFunctions();
    // A finger that drags over a chart wants to scroll the page.
    const isTouch = matchMedia("(pointer: coarse)").matches;
    for (const place of document.querySelectorAll(".chart")) {
      try {
        await draw(place, isTouch);
      } catch (error) {  // its sentence stays, and the others are drawn
        console.error(error);
      }
    }
    paint();
    root.dataset.drawn = String(suncet.views.length);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.axis !== undefined) chooseAxis(button.dataset.axis);
    if (button?.dataset.series !== undefined) toggleSeries(button);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  addEventListener("pointerup", hoverAtTap, {capture: true});
  addEventListener("beforeprint", () => paintForPrint(true));
  addEventListener("afterprint", () => paintForPrint(false));
  start();
})();
