"use strict";
const NEAR = 2; // units of a picture that is 440 wide

// Values of curves where somebody points, taps, or goes with the arrow keys: in the legend.
for (const axes of document.querySelectorAll("svg.axes")) {
  const curves = [...axes.querySelectorAll(".curve")].map((curve) => ({
    values: JSON.parse(curve.dataset.values),
    constant: curve.dataset.constant,
  }));
  const shown = [...axes.closest("figure").querySelectorAll(".legend b")];
  const last = shown.map((value) => value.textContent);
  const moving = curves.filter((curve) => curve.constant === undefined);
  const points = (moving.length ? moving : curves).flatMap((curve) => curve.values);
  const places = [...new Map(points.map((point) => [point[2], point])).values()];
  places.sort((one, other) => one[0] - other[0]);
  if (!places.length) continue;

  const { top, bottom, x: name } = axes.dataset;
  const width = axes.viewBox.baseVal.width;
  const make = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
  const mark = axes.appendChild(make("g"));
  mark.setAttribute("class", "mark");
  const line = mark.appendChild(make("path"));
  const where = mark.appendChild(make("text"));
  where.setAttribute("y", top - 7);
  const dots = curves.map(() => mark.appendChild(make("circle")));
  mark.style.display = "none";
  let at = -1;

  // of a curve the point at x, or as near to it as eyes can tell; of several the one nearest to y
  const near = (curve, x, y) => {
    const apart = (point) => 100 * Math.abs(point[0] - x) + Math.abs(point[1] - y);
    const within = curve.values.filter((point) => Math.abs(point[0] - x) <= NEAR);
    return within.sort((one, other) => apart(one) - apart(other))[0];
  };
  const show = (next, y = top) => {
    at = Math.max(0, Math.min(next, places.length - 1));
    const [x, , number] = places[at];
    mark.style.display = "";
    line.setAttribute("d", `M${x} ${top}V${bottom}`);
    where.textContent = `${name} ${number}`;
    where.setAttribute("x", x);
    const anchor = x < width / 4 ? "start" : x > (3 * width) / 4 ? "end" : "middle";
    where.setAttribute("text-anchor", anchor);
    curves.forEach((curve, index) => {
      const point = near(curve, x, y);
      shown[index].textContent = point ? point[3] : curve.constant ?? "–";
      dots[index].style.display = point ? "" : "none";
      if (!point) return;
      dots[index].setAttribute("cx", point[0]);
      dots[index].setAttribute("cy", point[1]);
      dots[index].setAttribute("r", 4.5);
    });
  };
  const hide = () => {
    at = -1;
    mark.style.display = "none";
    shown.forEach((value, index) => (value.textContent = last[index]));
  };
  const point = (event) => {
    const box = axes.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    const apart = places.map((place) => Math.abs(place[0] - x));
    show(apart.indexOf(Math.min(...apart)), ((event.clientY - box.top) / box.width) * width);
  };
  axes.addEventListener("pointermove", point);
  axes.addEventListener("pointerdown", point);
  // a finger that is lifted leaves the value to be read; one elsewhere takes the focus away
  axes.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && hide());
  axes.addEventListener("blur", hide);
  axes.addEventListener("keydown", (event) => {
    const end = places.length - 1;
    const next = {
      ArrowLeft: at < 0 ? end : at - 1,
      ArrowRight: at < 0 ? 0 : at + 1,
      Home: 0,
      End: end,
    }[event.key];
    if (event.key === "Escape") hide();
    if (next === undefined) return;
    event.preventDefault();
    show(next);
  });
}
