// A click on a figure shows it at its full size; another click, or Escape, closes it. Without this script the link opens the picture alone.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.image-reference");
  if (!link || !window.HTMLDialogElement || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  let dialog = document.getElementById("enlarged");
  if (!dialog) {
    dialog = document.body.appendChild(document.createElement("dialog"));
    dialog.id = "enlarged";
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("keydown", (event) => event.key === "Escape" && dialog.close()); // the theme keeps it from the browser
  }
  const image = new Image();
  image.src = link.href;
  // a plot is drawn large: on a phone at half its size the text is as large as the page's
  image.onload = () => window.innerWidth < 600 && (image.width = image.naturalWidth / 2);
  image.alt = link.querySelector("img").alt;
  dialog.replaceChildren(image);
  dialog.setAttribute("aria-label", image.alt);
  dialog.showModal();
});
// Tables of a page's own text become cards on a phone as those of the chapters do (book.css): each cell behind its column's name.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("article table.table:not(.dcgan-table)")) {
    const names = Array.from(table.tHead?.rows[0]?.cells ?? [], (cell) => cell.textContent.trim());
    if (names.length < 4) continue;
    table.classList.add("dcgan-wide");
    for (const cell of table.querySelectorAll("tbody > tr > *")) {
      cell.dataset.label = names[cell.cellIndex] ?? "";
      const whole = document.createElement("span");
      whole.append(...cell.childNodes);
      if (whole.textContent.trim()) cell.append(whole);
    }
  }
});
