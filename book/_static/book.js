// A click on a figure shows it at its full size; another click, or Escape, closes it. Without this script the link opens the picture alone.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.image-reference");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
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
