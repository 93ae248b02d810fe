"use strict";
// Dropping a file puts it into the form and sends that; without this the form works as it is.
const form = document.querySelector("form");
const input = form.querySelector("input[type=file]");
const progress = document.getElementById("progress");
const part = document.getElementById("part");
const largest = Number(form.dataset.maxMb) * 1024 * 1024;

function send() {
  const file = input.files[0];
  if (!file) return;
  if (file.size > largest) {
    progress.textContent = `${file.name} is larger than ${form.dataset.maxMb} MB, the most this page takes.`;
    return;
  }
  form.requestSubmit();
}

form.addEventListener("submit", () => {
  progress.textContent = `Listening to ${input.files[0].name} …`;
  form.querySelector("button").disabled = true;
});
input.addEventListener("change", send);

// the whole window takes the file: a browser would open one that misses the box
for (const kind of ["dragenter", "dragover"]) {
  window.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
}
window.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
window.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (!event.dataTransfer.files.length) return;
  if (event.dataTransfer.files.length > 1) {
    progress.textContent = "One file at a time, please.";
    return;
  }
  input.files = event.dataTransfer.files;
  send();
});
// back from the result: the button must work again
window.addEventListener("pageshow", () => {
  form.querySelector("button").disabled = false;
  progress.textContent = "";
});

if (part) {
  const hint = part.textContent;
  for (const tile of document.querySelectorAll(".tile")) {
    tile.addEventListener("pointerenter", () => { part.textContent = tile.dataset.text; });
    tile.addEventListener("pointerleave", () => { part.textContent = hint; });
  }
}
