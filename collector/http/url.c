#include "collector/http/url.h"

#include <ctype.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes of the UTF-8 character that begins here, or 0 when there is none (RFC 3629: no overlong form, no
 * surrogate, nothing above U+10FFFF). The text ends with NUL, which is no continuation. */
static size_t character_bytes(const unsigned char *text)
{
	unsigned char second_min = 0x80, second_max = 0xbf;
	size_t length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

	if (length == 1)
		return 1;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	if (text[0] == 0xe0)
		second_min = 0xa0;
	if (text[0] == 0xed)
		second_max = 0x9f;
	if (text[0] == 0xf0)
		second_min = 0x90;
	if (text[0] == 0xf4)
		second_max = 0x8f;
	if (text[1] < second_min || text[1] > second_max)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static bool is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length;

	for (; *at; at += length) {
		length = character_bytes(at);
		if (!length)
			return false;
	}
	return true;
}

bool url_decode(const char *text, size_t length, bool plus_is_space, char *ret_text, size_t size)
{
	size_t out = 0;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (c == '%') {
			int high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		if (!c || out + 1 >= size)
			return false;
		ret_text[out++] = c;
	}
	if (!size)
		return false;
	ret_text[out] = '\0';
	return is_utf8(ret_text);
}

void url_append_encoded(struct buf *buf, const char *text, const char *kept)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c < 0x80 && isalnum(c)) || strchr("-._~", c) || strchr(kept, c))
			buf_append(buf, text, 1);
		else
			buf_printf(buf, "%%%02X", c);
	}
}

bool url_query_get(const char *query, const char *name, char *ret_value, size_t size)
{
	char key[128];

	for (const char *pair = query; pair; pair = strchr(pair, '&') ? strchr(pair, '&') + 1 : NULL) {
		size_t pair_length = strcspn(pair, "&");
		size_t key_length = strcspn(pair, "=&");
		const char *value = pair + key_length + (key_length < pair_length);

		if (!url_decode(pair, key_length, true, key, sizeof key) || strcmp(key, name) != 0)
			continue;
		return url_decode(value, (size_t)(pair + pair_length - value), true, ret_value, size);
	}
	return false;
}

bool url_cookie_get(const char *cookie_header, const char *name, char *ret_value, size_t size)
{
	size_t name_length = strlen(name);
	const char *next = cookie_header;

	while (next && *next) {
		const char *pair = next + strspn(next, "; \t");
		size_t pair_length = strcspn(pair, ";");
		size_t value_length;

		next = pair + pair_length;
		if (pair_length <= name_length || strncmp(pair, name, name_length) != 0 || pair[name_length] != '=')
			continue;
		value_length = pair_length - name_length - 1;
		if (value_length >= size)
			return false;
		memcpy(ret_value, pair + name_length + 1, value_length);
		ret_value[value_length] = '\0';
		return true;
	}
	return false;
}
