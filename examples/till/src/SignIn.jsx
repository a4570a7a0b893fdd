import { useState } from "react";

import { signIn } from "./salon.js";

export function SignIn() {
  const [message, say] = useState("");
  const [isUnderWay, begin] = useState(false);

  async function submit(event) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    begin(true);
    try {
      await signIn(form.get("username"), form.get("password"));
    } catch (error) {
      say(error.message);
      begin(false);
    }
  }

  return (
    <form className="sign-in card" onSubmit={submit}>
      <h1>Till</h1>
      <input name="username" placeholder="Username" autoComplete="username" autoFocus required />
      <input name="password" type="password" placeholder="Password" autoComplete="current-password" required />
      <button className="main" disabled={isUnderWay}>Sign in</button>
      <p className="message" role="alert">{message}</p>
    </form>
  );
}
