#include "collector/web/mustache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"

/* A template is first cut into tokens, which settles delimiters, standalone lines and which end belongs to which section;
 * then the tokens are walked with a stack of contexts. The indentation of a standalone partial is put before each line of
 * its text before that text is cut, so what its variables bring in is not indented. */

#define DELIMITER_SIZE 16
#define NAME_SIZE_MAX  128

enum token_kind {
	TOKEN_TEXT,
	TOKEN_VARIABLE,
	TOKEN_RAW,
	TOKEN_SECTION,
	TOKEN_INVERTED,
	TOKEN_END,
	TOKEN_PARTIAL,
	TOKEN_NOTHING,   /* comments and delimiters leave nothing behind */
};

struct token {
	enum token_kind kind;
	const char *text;          /* the text, or the tag's name */
	size_t length;
	const char *indent;        /* of a standalone partial */
	size_t indent_length;
	size_t end;                /* of a section: the index of its end */
};

struct tokens {
	struct token *items;
	size_t count, capacity;
};

/* What stands between two delimiters. */
struct tag {
	enum token_kind kind;
	bool sets_delimiters;
	const char *name;
	size_t length;
	const char *after;         /* the tag */
};

struct scanner {
	const char *start, *at, *end;
	char open[DELIMITER_SIZE], close[DELIMITER_SIZE];
	struct tokens *tokens;
	size_t sections[MUSTACHE_DEPTH_MAX];   /* indexes of those not ended yet */
	size_t section_count;
};

struct renderer {
	const json_t *stack[MUSTACHE_DEPTH_MAX + 1];
	size_t depth;              /* contexts on the stack */
	size_t levels;             /* of sections and partials */
	const struct mustache_partials *partials;
	struct buf *out;
	struct err *err;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
	return is_blank(c) || c == '\n' || c == '\r';
}

static void trim(const char **text, size_t *length)
{
	while (*length && is_space(**text)) {
		(*text)++;
		(*length)--;
	}
	while (*length && is_space((*text)[*length - 1]))
		(*length)--;
}

static int fail_at(const struct scanner *scanner, const char *where, const char *what, struct err *err)
{
	int line = 1;

	for (const char *at = scanner->start; at < where; at++)
		line += *at == '\n';
	return err_set(err, ERR_INPUT, "template line %d: %s", line, what);
}

static struct token *token_add(struct tokens *tokens, enum token_kind kind, const char *text, size_t length)
{
	if (tokens->count == tokens->capacity) {
		tokens->capacity = tokens->capacity ? 2 * tokens->capacity : 64;
		tokens->items = xrealloc(tokens->items, tokens->capacity, sizeof tokens->items[0]);
	}
	tokens->items[tokens->count] = (struct token){ .kind = kind, .text = text, .length = length };
	return &tokens->items[tokens->count++];
}

/* "<% %>" of "{{=<% %>=}}". */
static int set_delimiters(struct scanner *scanner, const char *text, size_t length, struct err *err)
{
	const char *tag = text, *end;
	size_t open_length = 0, close_length;

	trim(&text, &length);
	end = text + length;
	while (open_length < length && !is_space(text[open_length]))
		open_length++;
	close_length = length - open_length;
	text += open_length;
	trim(&text, &close_length);
	if (!open_length || !close_length || open_length >= DELIMITER_SIZE || close_length >= DELIMITER_SIZE ||
	    memchr(text, ' ', close_length) || memchr(end - length, '=', length))
		return fail_at(scanner, tag, "delimiters must be two words without =", err);
	memcpy(scanner->open, end - length, open_length);
	scanner->open[open_length] = '\0';
	memcpy(scanner->close, text, close_length);
	scanner->close[close_length] = '\0';
	return 0;
}

static int end_section(struct scanner *scanner, const char *name, size_t length, struct err *err)
{
	struct token *section;

	if (!scanner->section_count)
		return fail_at(scanner, name, "the end of a section that was not begun", err);
	section = &scanner->tokens->items[scanner->sections[--scanner->section_count]];
	if (section->length != length || memcmp(section->text, name, length))
		return fail_at(scanner, name, "the end names another section than the one begun last", err);
	section->end = scanner->tokens->count;
	return 0;
}

static int begin_section(struct scanner *scanner, const char *where, struct err *err)
{
	if (scanner->section_count == MUSTACHE_DEPTH_MAX)
		return fail_at(scanner, where, "sections are nested too deeply", err);
	scanner->sections[scanner->section_count++] = scanner->tokens->count;
	return 0;
}

static enum token_kind tag_kind(char sigil)
{
	switch (sigil) {
	case '{': case '&': return TOKEN_RAW;
	case '#': return TOKEN_SECTION;
	case '^': return TOKEN_INVERTED;
	case '/': return TOKEN_END;
	case '>': return TOKEN_PARTIAL;
	case '!': case '=': return TOKEN_NOTHING;
	default: return TOKEN_VARIABLE;
	}
}

/* Text from the line's start to a tag that stands alone on it is dropped with the tag and the line's end. Returns where
 * the line starts, or NULL when the tag does not stand alone; *ret_after is then the next line's start. */
static const char *find_standalone(const struct scanner *scanner, const char *tag, const char *after,
				   const char **ret_after)
{
	while (tag > scanner->start && is_blank(tag[-1]))
		tag--;
	if (tag > scanner->start && tag[-1] != '\n')
		return NULL;
	while (after < scanner->end && is_blank(*after))
		after++;
	if (after < scanner->end && *after == '\r')
		after++;
	if (after < scanner->end && *after != '\n')
		return NULL;
	*ret_after = after < scanner->end ? after + 1 : after;
	return tag;
}

static int read_tag(const struct scanner *scanner, const char *start, struct tag *ret_tag, struct err *err)
{
	const char *body = start + strlen(scanner->open), *close;
	char ending[DELIMITER_SIZE + 1];
	char sigil = body < scanner->end ? *body : '\0';

	if (sigil && strchr("{&#^/>!=", sigil))
		body++;
	snprintf(ending, sizeof ending, "%s%s", sigil == '{' ? "}" : sigil == '=' ? "=" : "", scanner->close);
	close = memmem(body, (size_t)(scanner->end - body), ending, strlen(ending));
	if (!close)
		return fail_at(scanner, start, "a tag is not closed", err);
	*ret_tag = (struct tag){
		.kind = tag_kind(sigil), .sets_delimiters = sigil == '=', .name = body, .length = (size_t)(close - body),
		.after = close + strlen(ending),
	};
	return 0;
}

static int scan_tag(struct scanner *scanner, const char *start, struct err *err)
{
	const char *line = NULL;
	struct token *token;
	struct tag tag = { 0 };

	if (read_tag(scanner, start, &tag, err) < 0)
		return -1;
	if (tag.kind != TOKEN_VARIABLE && tag.kind != TOKEN_RAW)
		line = find_standalone(scanner, start, tag.after, &tag.after);
	token_add(scanner->tokens, TOKEN_TEXT, scanner->at, (size_t)((line ? line : start) - scanner->at));
	scanner->at = tag.after;
	if (tag.sets_delimiters)
		return set_delimiters(scanner, tag.name, tag.length, err);
	if (tag.kind == TOKEN_NOTHING)
		return 0;
	trim(&tag.name, &tag.length);
	if (!tag.length || tag.length >= NAME_SIZE_MAX)
		return fail_at(scanner, start, "a tag needs a name of at most 127 bytes", err);
	if (tag.kind == TOKEN_END && end_section(scanner, tag.name, tag.length, err) < 0)
		return -1;
	if ((tag.kind == TOKEN_SECTION || tag.kind == TOKEN_INVERTED) && begin_section(scanner, start, err) < 0)
		return -1;
	token = token_add(scanner->tokens, tag.kind, tag.name, tag.length);
	token->indent = line;
	token->indent_length = line ? (size_t)(start - line) : 0;
	return 0;
}

static int scan(const char *template, size_t length, struct tokens *tokens, struct err *err)
{
	struct scanner scanner = {
		.start = template, .at = template, .end = template + length, .open = "{{", .close = "}}", .tokens = tokens,
	};
	const char *tag;

	while ((tag = memmem(scanner.at, (size_t)(scanner.end - scanner.at), scanner.open, strlen(scanner.open))))
		if (scan_tag(&scanner, tag, err) < 0)
			return -1;
	if (scanner.section_count)
		return fail_at(&scanner, tokens->items[scanner.sections[scanner.section_count - 1]].text,
			       "a section is not ended", err);
	token_add(tokens, TOKEN_TEXT, scanner.at, (size_t)(scanner.end - scanner.at));
	return 0;
}

static const json_t *find_first(const struct renderer *renderer, const char *name)
{
	for (size_t i = renderer->depth; i > 0; i--) {
		const json_t *value = json_object_get(renderer->stack[i - 1], name);

		if (value)
			return value;
	}
	return NULL;
}

/* Of "a.b.c" only "a" is searched for down the stack. */
static const json_t *find_value(const struct renderer *renderer, const char *name, size_t length)
{
	char copy[NAME_SIZE_MAX], *rest = copy, *part;
	const json_t *value;

	if (length == 1 && *name == '.')
		return renderer->stack[renderer->depth - 1];
	memcpy(copy, name, length);
	copy[length] = '\0';
	value = find_first(renderer, strsep(&rest, "."));
	while (value && (part = strsep(&rest, ".")))
		value = json_object_get(value, part);
	return value;
}

static bool is_false(const json_t *value)
{
	return !value || json_is_null(value) || json_is_false(value) ||
	       (json_is_array(value) && !json_array_size(value)) ||
	       (json_is_string(value) && !json_string_length(value));
}

static void append_escaped(struct buf *out, const char *text)
{
	for (;;) {
		size_t plain = strcspn(text, "&<>\"'");

		buf_append(out, text, plain);
		text += plain;
		switch (*text++) {
		case '&':  buf_append_text(out, "&amp;"); break;
		case '<':  buf_append_text(out, "&lt;"); break;
		case '>':  buf_append_text(out, "&gt;"); break;
		case '"':  buf_append_text(out, "&quot;"); break;
		case '\'': buf_append_text(out, "&#39;"); break;
		default:   return;
		}
	}
}

static void render_variable(struct renderer *renderer, const struct token *token)
{
	const json_t *value = find_value(renderer, token->text, token->length);

	if (json_is_string(value) && token->kind == TOKEN_VARIABLE)
		append_escaped(renderer->out, json_string_value(value));
	else if (json_is_string(value))
		buf_append_text(renderer->out, json_string_value(value));
	else if (json_is_integer(value))
		buf_printf(renderer->out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		buf_printf(renderer->out, "%.15g", json_real_value(value));
	else if (json_is_boolean(value))
		buf_append_text(renderer->out, json_is_true(value) ? "true" : "false");
}

static int render_text(struct renderer *renderer, const char *template, size_t length);

static int render_partial(struct renderer *renderer, const struct token *token)
{
	const struct mustache_partials *partials = renderer->partials;
	char name[NAME_SIZE_MAX];
	struct buf text = { 0 };
	const char *partial, *end;
	size_t length;
	int rc;

	memcpy(name, token->text, token->length);
	name[token->length] = '\0';
	partial = partials ? partials->find(partials->context, name, &length) : NULL;
	if (!partial)
		return 0;
	for (end = partial + length; partial < end;) {
		const char *newline = memchr(partial, '\n', (size_t)(end - partial));
		const char *next = newline ? newline + 1 : end;

		buf_append(&text, token->indent ? token->indent : "", token->indent_length);
		buf_append(&text, partial, (size_t)(next - partial));
		partial = next;
	}
	rc = render_text(renderer, buf_text(&text), text.length_bytes);
	if (rc < 0)
		err_wrap(renderer->err, "%s", name);
	buf_free(&text);
	return rc;
}

static int render_tokens(struct renderer *renderer, const struct token *tokens, size_t from, size_t to);

static int render_with(struct renderer *renderer, const json_t *context, const struct token *tokens, size_t from,
		       size_t to)
{
	int rc;

	if (renderer->depth > MUSTACHE_DEPTH_MAX)
		return err_set(renderer->err, ERR_INPUT, "sections are nested too deeply");
	renderer->stack[renderer->depth++] = context;
	rc = render_tokens(renderer, tokens, from, to);
	renderer->depth--;
	return rc;
}

static int render_section(struct renderer *renderer, const struct token *tokens, size_t at)
{
	const json_t *value = find_value(renderer, tokens[at].text, tokens[at].length), *item;
	size_t from = at + 1, to = tokens[at].end, i;

	if (tokens[at].kind == TOKEN_INVERTED)
		return is_false(value) ? render_tokens(renderer, tokens, from, to) : 0;
	if (is_false(value))
		return 0;
	if (!json_is_array(value))
		return render_with(renderer, value, tokens, from, to);
	json_array_foreach((json_t *)value, i, item)
		if (render_with(renderer, item, tokens, from, to) < 0)
			return -1;
	return 0;
}

static int render_tokens(struct renderer *renderer, const struct token *tokens, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct token *token = &tokens[i];
		int rc = 0;

		switch (token->kind) {
		case TOKEN_TEXT:
			buf_append(renderer->out, token->text, token->length);
			break;
		case TOKEN_VARIABLE: case TOKEN_RAW:
			render_variable(renderer, token);
			break;
		case TOKEN_SECTION: case TOKEN_INVERTED:
			rc = render_section(renderer, tokens, i);
			i = token->end;
			break;
		case TOKEN_PARTIAL:
			rc = render_partial(renderer, token);
			break;
		case TOKEN_END: case TOKEN_NOTHING:
			break;
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int render_text(struct renderer *renderer, const char *template, size_t length)
{
	struct tokens tokens = { 0 };
	int rc = -1;

	if (renderer->levels == MUSTACHE_DEPTH_MAX)
		return err_set(renderer->err, ERR_INPUT, "partials are nested too deeply");
	renderer->levels++;
	if (scan(template, length, &tokens, renderer->err) == 0)
		rc = render_tokens(renderer, tokens.items, 0, tokens.count);
	renderer->levels--;
	free(tokens.items);
	return rc;
}

int mustache_render(const char *template, size_t length, const json_t *data, const struct mustache_partials *partials,
		    struct buf *ret_text, struct err *err)
{
	struct renderer renderer = { .stack = { data }, .depth = 1, .partials = partials, .out = ret_text, .err = err };

	return render_text(&renderer, template, length);
}
