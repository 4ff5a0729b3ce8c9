// Light or dark, before anything is drawn: a page that is drawn twice flashes.
(() => {
  const key = "nearside-theme";
  const root = document.documentElement;
  const read = () => {
    try { return localStorage.getItem(key) || "auto"; } catch { return "auto"; }
  };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
    dispatchEvent(new Event("themechange"));
  };
  apply(read());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(read()));
  addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    select.value = read();
    select.addEventListener("change", () => {
      try { localStorage.setItem(key, select.value); } catch { /* not remembered then */ }
      apply(select.value);
    });
  });
})();
