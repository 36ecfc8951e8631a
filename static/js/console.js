// Conveniences only: every one of them has a way that works without this file.
"use strict";
(function () {
  var search = function () { return document.getElementById("search"); };

  document.addEventListener("keydown", function (event) {
    var typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
    if ((event.key === "/" && !typing) || (event.key === "k" && (event.ctrlKey || event.metaKey))) {
      if (search()) { event.preventDefault(); search().focus(); search().select(); }
    }
    if (event.key === "Escape") {
      document.querySelectorAll("details.menu[open]").forEach(function (menu) {
        menu.open = false;
        if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
      });
    }
  });

  // A menu closes when the pointer goes elsewhere.
  document.addEventListener("click", function (event) {
    document.querySelectorAll("details.menu[open]").forEach(function (menu) {
      if (!menu.contains(event.target)) menu.open = false;
    });
    var button = event.target.closest("[data-copy]");
    if (!button) return;
    var source = document.getElementById(button.dataset.copy);
    navigator.clipboard.writeText(source.value || source.textContent).then(function () {
      var label = button.querySelector("[data-label]") || button;
      var before = label.textContent;
      label.textContent = "Copied";
      setTimeout(function () { label.textContent = before; }, 2000);
    });
  });

  // Copying needs a script and a secure page: its buttons show themselves only then.
  var reveal = function () {
    if (!navigator.clipboard) return;
    document.querySelectorAll("[data-copy][hidden]").forEach(function (button) { button.hidden = false; });
  };
  reveal();
  document.addEventListener("htmx:afterSettle", reveal);

  // What updates itself waits while somebody has their focus in it.
  document.addEventListener("htmx:beforeSwap", function (event) {
    var target = event.detail.target;
    if (target.matches("[data-calm]") && target.contains(document.activeElement)) event.detail.shouldSwap = false;
  });

  // A form that was sent and cannot be used comes back with what is wrong beside its fields.
  document.addEventListener("htmx:beforeSwap", function (event) {
    var sent = event.detail.requestConfig;
    if (event.detail.xhr.status === 400 && sent && sent.elt.matches("form[method=post]")) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });

  // The console itself gives no answer: say so where its freshness stands.
  document.addEventListener("htmx:sendError", function () {
    var place = document.getElementById("freshness");
    if (place) place.textContent = "No connection to the console";
  });

  // An explanation was put beside the matrix: mark its cell, and show it where it lies below.
  document.addEventListener("htmx:afterSwap", function (event) {
    var cell = event.detail.requestConfig && event.detail.requestConfig.elt;
    if (!cell || !cell.matches(".mx a")) return;
    document.querySelectorAll(".mx a[aria-current]").forEach(function (other) { other.removeAttribute("aria-current"); });
    cell.setAttribute("aria-current", "true");
    var panel = document.getElementById("explain");
    if (panel && panel.getBoundingClientRect().top > window.innerHeight) panel.scrollIntoView();
  });

  // Filters that a script may send at once; the button beside them stays for everybody else.
  document.addEventListener("change", function (event) {
    var form = event.target.closest("form[data-auto]");
    if (form) form.requestSubmit();
  });
})();
