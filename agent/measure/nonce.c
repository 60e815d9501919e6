#include "agent/measure/nonce.h"

#include <curl/curl.h>
#include <stdio.h>

void nonce_draw(const struct random_source *random, char ret_nonce[NONCE_SIZE])
{
	random_hex(random, NONCE_SIZE / 2, ret_nonce);
}

char *nonce_add(const char *url, const char *nonce)
{
	CURLU *parts = curl_url();
	char query[sizeof "nonce=" + NONCE_SIZE], *whole = NULL;

	snprintf(query, sizeof query, "nonce=%s", nonce);
	if (!curl_url_set(parts, CURLUPART_URL, url, 0) && !curl_url_set(parts, CURLUPART_QUERY, query, CURLU_APPENDQUERY))
		curl_url_get(parts, CURLUPART_URL, &whole, 0);
	curl_url_cleanup(parts);
	return whole;
}
