// Before anything is drawn, so that a dark page does not flash white.
{
  const theme = localStorage.getItem("acorn.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
}
