/* SPDX-License-Identifier: Apache-2.0
 *
 * A link of a mail: the token is taken out of the address, so that neither the history nor a
 * bookmark keeps it, and sent when the button is pressed.  Whoever merely opens the link (a
 * mail scanner, a preview) changes nothing.
 */
"use strict";
(() => {
  const pages = {
    "/verify-email": {
      title: "Verify your address",
      text: "Press the button to say that this address is yours.",
      button: "Verify my address",
      to: "/api/users/verify-email/",
      done: "Your address is verified.",
    },
    "/reset-password": {
      title: "Choose a new password",
      text: "Every device that is signed in will be signed out.",
      button: "Set the new password",
      to: "/api/users/password-reset-confirm/",
      done: "Your password is changed. Sign in with the new one.",
      asks: true,
    },
    "/email-change/confirm": {
      title: "Your new address",
      text: "Press the button to make this address the one of your account.",
      button: "Use this address",
      to: "/api/users/email-change/confirm/",
      done: "This is your account's address now.",
    },
    "/email-change/revert": {
      title: "Keep your address",
      text: "Press the button to stop or undo the change of your address. Every device will be signed out; then choose a new password.",
      button: "Keep my address",
      to: "/api/users/email-change/revert/",
      done: "Your account has its address. Choose a new password now.",
    },
  };
  const of = (id) => document.getElementById(id);
  const page = pages[location.pathname.replace(/\/$/, "")];
  const token = new URLSearchParams(location.search).get("token");
  history.replaceState(null, "", location.pathname);
  if (!page) return;
  document.title = page.title;
  of("title").textContent = page.title;
  of("text").textContent = page.text;
  if (!token) {
    of("answer").textContent = "This link is not whole. Open it from the mail once more.";
    return;
  }
  of("go").textContent = page.button;
  of("passwords").hidden = !page.asks;
  of("form").hidden = false;

  /* The first sentence in any of the shapes of an error. */
  const why = (answer) => answer.error || answer.detail || Object.values(answer).flat().join(" ");

  of("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = { token };
    if (page.asks) {
      if (of("password").value !== of("again").value) {
        of("answer").textContent = "The two passwords are not the same.";
        return;
      }
      body.new_password = of("password").value;
    }
    of("go").disabled = true;
    of("answer").textContent = "";
    try {
      const reply = await fetch(page.to, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        credentials: "omit",
      });
      const answer = await reply.json();
      of("answer").textContent = reply.ok ? page.done : why(answer);
      of("form").hidden = reply.ok;
    } catch {
      of("answer").textContent = "The shop can't be reached. Try again shortly.";
    }
    of("go").disabled = false;
  });
})();
