#include "agent/base/key_checks.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define SHA256_DIGITS 64

const char *const nonce_names[] = { "optional", "required", NULL };

int key_check_url(char *url, struct err *err)
{
	CURLU *parts = curl_url();
	char *scheme = NULL;
	CURLUcode code;
	int rc = -1;

	if (!parts)
		return err_set(err, ERR_INTERNAL, "out of memory");
	/* libcurl forgives a third slash. */
	code = strstr(url, ":///") ? CURLUE_BAD_SLASHES : curl_url_set(parts, CURLUPART_URL, url, CURLU_DISALLOW_USER);
	if (code == CURLUE_OK)
		code = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
	if (code == CURLUE_USER_NOT_ALLOWED)
		err_set(err, ERR_INPUT, "has a user name in it, remove that");
	else if (code != CURLUE_OK || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		err_set(err, ERR_INPUT, "\"%.100s\" is no address, write http://HOST/… or https://HOST/…", url);
	else
		rc = 0;
	curl_free(scheme);
	curl_url_cleanup(parts);
	return rc;
}

int key_check_sha256(char *digest, struct err *err)
{
	size_t digits = strspn(digest, "0123456789abcdefABCDEF");

	if (digits != SHA256_DIGITS || digest[digits])
		return err_set(err, ERR_INPUT, "is not a SHA-256, write the %d hexadecimal digits that sha256sum prints",
			       SHA256_DIGITS);
	for (; *digest; digest++)
		*digest = (char)tolower((unsigned char)*digest);
	return 0;
}

static const char *name_at(const struct key_list *list, size_t index, size_t item_size)
{
	return *(char *const *)(const void *)((const char *)list->items + index * item_size);
}

void key_check_names(struct key_faults *faults, const char *path, const struct key_list *list, size_t item_size)
{
	for (size_t i = 1; i < list->count; i++) {
		const char *name = name_at(list, i, item_size);
		char where[64];
		size_t j = 0;

		while (name && j < i && (!name_at(list, j, item_size) || strcmp(name_at(list, j, item_size), name) != 0))
			j++;
		if (!name || j == i)
			continue;
		snprintf(where, sizeof where, "%s.%zu.name", path, i);
		key_fault(faults, where, "name: \"%.60s\" stands in %s already, choose another", name, path);
	}
}
