#include "collector/api/static.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "collector/web/assets.h"

static const char *media_of(const char *name)
{
	static const struct {
		const char *suffix, *media;
	} types[] = {
		{ ".css", "text/css; charset=utf-8" }, { ".js", "text/javascript; charset=utf-8" },
		{ ".svg", "image/svg+xml" },           { ".png", "image/png" },
		{ ".ico", "image/x-icon" },            { ".txt", "text/plain; charset=utf-8" },
	};
	const char *suffix = strrchr(name, '.');

	for (size_t i = 0; suffix && i < sizeof types / sizeof types[0]; i++)
		if (!strcmp(suffix, types[i].suffix))
			return types[i].media;
	return "application/octet-stream";
}

static const struct asset *find_asset(const char *name)
{
	for (const struct asset *asset = web_assets; asset->name; asset++)
		if (!strcmp(asset->name, name))
			return asset;
	return NULL;
}

static void make_etag(const struct asset *asset, char ret_etag[40])
{
	unsigned char hash[16];
	char text[2 * sizeof hash + 1];

	crypto_generichash(hash, sizeof hash, (const unsigned char *)asset->bytes, asset->length, NULL, 0);
	sodium_bin2hex(text, sizeof text, hash, sizeof hash);
	snprintf(ret_etag, 40, "\"%s\"", text);
}

void static_serve(struct http_request *http)
{
	const char *method = http_request_method(http);
	const struct asset *asset = find_asset(http_request_path(http) + 1);
	const char *known = http_request_header(http, "If-None-Match");
	char etag[40];

	http_reply_header(http, "X-Content-Type-Options", "nosniff");
	if (strcmp(method, "GET") && strcmp(method, "HEAD")) {
		http_reply_header(http, "Allow", "GET, HEAD");
		http_reply(http, 405, NULL, 0);
		return;
	}
	if (!asset) {
		http_reply(http, 404, NULL, 0);
		return;
	}
	make_etag(asset, etag);
	http_reply_header(http, "ETag", etag);
	http_reply_header(http, "Cache-Control", "no-cache");   /* may be kept, and asked about each time */
	if (known && !strcmp(known, etag)) {
		http_reply(http, 304, NULL, 0);
		return;
	}
	http_reply_header(http, "Content-Type", media_of(asset->name));
	http_reply(http, 200, asset->bytes, asset->length);
}
