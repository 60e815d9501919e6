#include "collector/http/reply.h"

#include <inttypes.h>
#include <stddef.h>
#include <time.h>

#include "collector/http/server.h"

static const struct {
	int status;
	const char *text;
} statuses[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
	{ 507, "Insufficient Storage" },
};

const char *http_status_text(int status)
{
	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
		if (statuses[i].status == status)
			return statuses[i].text;
	return "Unknown";
}

bool reply_may_have_body(int status)
{
	return status != 204 && status != 304;
}

/* strftime would use the program's language; HTTP speaks English. */
static void write_date(struct buf *out, int64_t now_s)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t seconds = (time_t)now_s;
	struct tm utc;

	gmtime_r(&seconds, &utc);
	buf_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[utc.tm_wday], utc.tm_mday,
		   months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

void reply_write_head(struct buf *out, const struct reply_head *head)
{
	buf_printf(out, "HTTP/1.1 %d %s\r\n", head->status, http_status_text(head->status));
	write_date(out, head->now_s);
	if (reply_may_have_body(head->status))
		buf_printf(out, "Content-Length: %" PRId64 "\r\n", head->body_bytes);
	buf_printf(out, "Connection: %s\r\n", head->keep_alive ? "keep-alive" : "close");
	buf_append(out, buf_text(head->headers), head->headers->length_bytes);
	buf_append(out, "\r\n", 2);
}

void reply_add_header(struct buf *headers, const char *name, const char *value)
{
	size_t line = headers->length_bytes;

	buf_printf(headers, "%s: %s", name, value);
	for (char *c = headers->data + line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	buf_append(headers, "\r\n", 2);
}

void reply_write_problem(struct buf *body, int status, const char *detail)
{
	buf_printf(body, "{\"type\": \"about:blank\", \"title\": \"%s\", \"status\": %d, \"detail\": \"%s\"}\n",
		   http_status_text(status), status, detail);
}
