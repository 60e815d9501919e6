// Pages work without this. It keeps what is shown fresh and shows a filter's result while it is being chosen.
"use strict";

const REFRESH_MS = 60000;
const SOON_MS = 2000;   // while somebody waits for the answer to an order
const TYPING_MS = 300;

// Replaces the parts that may change; forms stand outside them, so nothing that was typed is lost.
async function refresh(address, signal) {
	const answer = await fetch(address, { headers: { Accept: "text/html" }, signal });
	if (!answer.ok || answer.redirected)
		return false;
	const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
	for (const part of document.querySelectorAll("[data-live]")) {
		const replacement = fresh.getElementById(part.id);
		if (replacement && !part.contains(document.activeElement))
			part.replaceWith(replacement);
	}
	return true;
}

function addressOf(form) {
	const address = new URL(form.action);
	for (const [name, value] of new FormData(form))
		if (value)
			address.searchParams.set(name, value);
	return address;
}

for (const form of document.querySelectorAll("form[data-filter]")) {
	let typing, asking = new AbortController();
	const show = async () => {
		const address = addressOf(form);
		asking.abort();
		asking = new AbortController();
		if (await refresh(address, asking.signal).catch(() => false))
			history.replaceState(null, "", address);
	};
	form.addEventListener("input", () => {
		clearTimeout(typing);
		typing = setTimeout(show, TYPING_MS);
	});
}

function refreshAgain() {
	setTimeout(async () => {
		if (!document.hidden)
			await refresh(location.href).catch(() => false);
		refreshAgain();
	}, document.querySelector("[data-soon]") ? SOON_MS : REFRESH_MS);
}

if (document.querySelector("[data-live]"))
	refreshAgain();
