// Who: the user and the password, asked for when the server wants them, and again when it takes neither.

import { $ } from "./dom.js";

let login = { user: "", password: null };

export const user = () => login.user;

export function setUser(name) {
  login.user = name;
}

/** Another module may want another password. */
export function forgetPassword() {
  login = { user: login.user, password: null };
}

/** The password that was given before, or one that is asked for now; null for none. */
function askPassword() {
  if (login.password !== null && !login.rejected) return login.password;
  return new Promise((resolve) => {
    const dialog = $("login");
    $("login-note").textContent = login.rejected
      ? "The server did not accept these."
      : `“${$("module").value}” asks for a user and a password.`;
    $("user").value = login.user;
    $("password").value = "";
    dialog.returnValue = "";
    dialog.onclose = () => {
      const isOk = dialog.returnValue === "ok";
      const name = $("user").value.trim();
      const changed = name !== login.user;
      // The user's name is part of the greeting, so a new one needs a new connection.
      login = { user: name, password: isOk ? $("password").value : null, rejected: false, again: isOk && changed };
      resolve(isOk && !changed ? login.password : null);
    };
    dialog.showModal();
    (login.user ? $("password") : $("user")).focus();
  });
}

/** Runs a job, and once more when the login was changed in the middle or was wrong. */
export async function run(runner, where, job, how = {}) {
  for (;;) {
    login.again = false;
    runner.cancelled = false;
    const outcome = await runner.run(where, { ...job, user: login.user }, { askPassword, ...how });
    if (login.again && !runner.cancelled) continue;
    if (outcome.explained?.action === "login") {
      login.rejected = true;
      login.password = null;
    }
    return outcome;
  }
}
