// Amounts come and go as text with two places. They are never a float: shown by Intl, which reads text exactly, and
// added as whole paise.

const rupees = new Intl.NumberFormat("en-IN", { style: "currency", currency: "INR" });

export const shown = (amount) => rupees.format(amount);

export const paise = (amount) => BigInt(amount.replace(".", ""));

export const amount = (paise) => `${paise / 100n}.${String(paise % 100n).padStart(2, "0")}`;
