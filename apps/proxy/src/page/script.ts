/**
 * The script of the page: updates results during input, and moves the focus to the search field at `/`. The page works without it. It
 * adds only nodes that the browser has parsed from a response of this server; scripts in such nodes do not run.
 */
export const SCRIPT = `'use strict';
(() => {
  const form = document.getElementById('search');
  const field = document.getElementById('q');
  if (form === null || field === null) return;
  let timer = 0;
  let request = null;
  const show = () => {
    const url = '/?' + new URLSearchParams(new FormData(form));
    if (request !== null) request.abort();
    request = new XMLHttpRequest();
    request.open('GET', url);
    request.responseType = 'document';
    request.onload = () => {
      const found = request.response && request.response.getElementById('found');
      if (found === null || request.status !== 200) return;
      document.getElementById('found').replaceWith(document.importNode(found, true));
      history.replaceState(null, '', url);
    };
    request.send();
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(show, 200);
  };
  form.addEventListener('input', later);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    clearTimeout(timer);
    show();
  });
  document.addEventListener('keydown', (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || typing) return;
    event.preventDefault();
    field.focus();
  });
})();
`;
