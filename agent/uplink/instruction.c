#include "agent/uplink/instruction.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/file.h"
#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/measure/budget.h"
#include "agent/uplink/targets.h"

#define TIME_MS_MAX    INT64_C(32503680000000)   /* the year 3000 */
#define RATE_BPS_MAX   INT64_C(1000000000000)
#define BUDGET_BYTES_MAX INT64_C(1000000000000000)
#define DAY_S          86400

/* U3: bytes of TCP payload in a full segment, and what carries them on each layer. */
static const char *const layer_names[] = { "tcp_payload", "ip", "ethernet", NULL };
static const int64_t layer_bytes[] = { 1448, 1500, 1538 };

struct leg_promise {
	int64_t threshold_bps;
	int layer;
};

struct times {
	int64_t interval_s, report_s;
};

#define FIELD_TEXT(type_, member, need)                                                                                \
	{ .name = #member, .type = JSON_FIELD_TEXT, .required = need, .offset = offsetof(type_, member),               \
	  .size = sizeof ((type_ *)0)->member }
#define FIELD_INTEGER(type_, json_name, member, need, lowest, highest)                                                 \
	{ .name = json_name, .type = JSON_FIELD_INTEGER, .required = need, .offset = offsetof(type_, member),          \
	  .min = lowest, .max = highest }
#define FIELD_CHOICE(type_, member, need, list)                                                                        \
	{ .name = #member, .type = JSON_FIELD_CHOICE, .required = need, .offset = offsetof(type_, member), .names = list }
#define COUNT(array) (sizeof (array) / sizeof (array)[0])

static const struct json_field top_fields[] = {
	FIELD_TEXT(struct instruction, line, true),
	FIELD_INTEGER(struct instruction, "budget_bytes_per_month", budget_bytes, false, 1, BUDGET_BYTES_MAX),
};
static const struct json_field leg_fields[] = {
	FIELD_INTEGER(struct leg_promise, "threshold_bps", threshold_bps, false, 0, RATE_BPS_MAX),
	FIELD_CHOICE(struct leg_promise, layer, false, layer_names),
};
static const struct json_field times_fields[] = {
	FIELD_INTEGER(struct times, "interval_s", interval_s, true, 1, DAY_S),
	FIELD_INTEGER(struct times, "report_s", report_s, true, 1, DAY_S),
};
static const struct json_field file_fields[] = {
	FIELD_TEXT(struct instruction_file, name, true),
	FIELD_CHOICE(struct instruction_file, leg, true, leg_names),
	FIELD_TEXT(struct instruction_file, url, true),
	FIELD_INTEGER(struct instruction_file, "bytes", size_bytes, false, 1, REFERENCE_BYTES_MAX),
	FIELD_TEXT(struct instruction_file, sha256, false),
	FIELD_CHOICE(struct instruction_file, nonce, false, nonce_names),
};
static const struct json_field window_fields[] = {
	FIELD_INTEGER(struct instruction_window, "from_ms", from_ms, true, 0, TIME_MS_MAX),
	FIELD_INTEGER(struct instruction_window, "to_ms", to_ms, true, 0, TIME_MS_MAX),
};
static const struct json_field order_fields[] = {
	FIELD_TEXT(struct instruction_order, id, true),
	FIELD_CHOICE(struct instruction_order, leg, true, leg_names),
	FIELD_INTEGER(struct instruction_order, "placed_ms", placed_ms, true, 0, TIME_MS_MAX),
	FIELD_INTEGER(struct instruction_order, "expires_ms", expires_ms, true, 0, TIME_MS_MAX),
};

static bool is_sha256(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64;
}

static int check_file(void *item, const struct key_texts *targets, struct err *err)
{
	struct instruction_file *file = item;

	if (file->sha256[0] && !is_sha256(file->sha256))
		return err_set(err, ERR_INPUT, "sha256: must be 64 hexadecimal digits");
	if (targets_check_url(targets, file->url, err) < 0)
		return err_wrap(err, "url");
	return 0;
}

static int check_window(void *item, const struct key_texts *targets, struct err *err)
{
	struct instruction_window *window = item;

	(void)targets;
	return window->from_ms < window->to_ms ? 0 : err_set(err, ERR_INPUT, "to_ms: must be later than from_ms");
}

/* The lists of an instruction. */
static const struct list {
	const char *name;
	const struct json_field *fields;
	size_t field_count, offset, item_size, max_items, count_offset;
	int (*check)(void *item, const struct key_texts *targets, struct err *err);
} lists[] = {
	{ "reference_files", file_fields, COUNT(file_fields), offsetof(struct instruction, files),
	  sizeof(struct instruction_file), INSTRUCTION_FILES, offsetof(struct instruction, file_count), check_file },
	{ "maintenance", window_fields, COUNT(window_fields), offsetof(struct instruction, maintenance),
	  sizeof(struct instruction_window), INSTRUCTION_WINDOWS, offsetof(struct instruction, maintenance_count),
	  check_window },
	{ "orders", order_fields, COUNT(order_fields), offsetof(struct instruction, orders),
	  sizeof(struct instruction_order), INSTRUCTION_ORDERS, offsetof(struct instruction, order_count), NULL },
};

static int read_item(const struct list *list, const json_t *value, const struct key_texts *targets, void *item,
		     struct err *err)
{
	if (json_fields_read(value, list->fields, list->field_count, item, NULL, err) < 0)
		return -1;
	return list->check ? list->check(item, targets, err) : 0;
}

static int read_list(const struct list *list, const json_t *object, const struct key_texts *targets,
		     struct instruction *instruction, struct err *err)
{
	const json_t *array = json_object_get(object, list->name);
	char *items = (char *)instruction + list->offset;

	if (!array)
		return 0;
	if (!json_is_array(array))
		return err_set(err, ERR_INPUT, "%s: must be an array", list->name);
	if (json_array_size(array) > list->max_items)
		return err_set(err, ERR_INPUT, "%s: must have at most %zu items", list->name, list->max_items);
	for (size_t i = 0; i < json_array_size(array); i++)
		if (read_item(list, json_array_get(array, i), targets, items + i * list->item_size, err) < 0)
			return err_wrap(err, "%s[%zu]", list->name, i);
	*(size_t *)(void *)((char *)instruction + list->count_offset) = json_array_size(array);
	return 0;
}

static int64_t payload_bps(const struct leg_promise *promise)
{
	return promise->threshold_bps > 0 ? promise->threshold_bps * layer_bytes[0] / layer_bytes[promise->layer] : 0;
}

static int read_legs(const json_t *legs, struct instruction *instruction, struct err *err)
{
	if (!json_is_object(legs))
		return err_set(err, ERR_INPUT, "legs: must be an object");
	for (int leg = 0; leg < LEG_COUNT; leg++) {
		const json_t *object = json_object_get(legs, leg_names[leg]);
		struct leg_promise promise;

		if (!object)
			continue;
		if (json_fields_read(object, leg_fields, COUNT(leg_fields), &promise, NULL, err) < 0)
			return err_wrap(err, "legs.%s", leg_names[leg]);
		instruction->threshold_bps[leg] = payload_bps(&promise);
	}
	return 0;
}

static int read_times(const json_t *object, struct instruction *instruction, struct err *err)
{
	struct times times;

	if (json_fields_read(object, times_fields, COUNT(times_fields), &times, NULL, err) < 0)
		return err_wrap(err, "schedule");
	instruction->interval_ms = times.interval_s * 1000;
	instruction->report_ms = times.report_s * 1000;
	return 0;
}

/* Text or number: it is shown, never compared. */
static int read_version(const json_t *version, struct instruction *instruction, struct err *err)
{
	char *text = version ? json_dumps(version, JSON_ENCODE_ANY) : NULL;
	int rc = -1;

	if (json_is_string(version))
		rc = text_copy(instruction->version, sizeof instruction->version, json_string_value(version));
	else if (json_is_integer(version))
		rc = text_copy(instruction->version, sizeof instruction->version, text);
	free(text);
	return rc == 0 ? 0 : err_set(err, ERR_INPUT, "version: must be a number or at most %zu bytes of text",
				     sizeof instruction->version - 1);
}

static int read_object(const json_t *object, const struct key_texts *targets, struct instruction *ret, struct err *err)
{
	if (json_fields_read(object, top_fields, COUNT(top_fields), ret, NULL, err) < 0 ||
	    read_version(json_object_get(object, "version"), ret, err) < 0 ||
	    read_legs(json_object_get(object, "legs"), ret, err) < 0 ||
	    read_times(json_object_get(object, "schedule"), ret, err) < 0)
		return -1;
	if (ret->budget_bytes == JSON_ABSENT)
		ret->budget_bytes = BUDGET_DEFAULT_BYTES;
	for (size_t i = 0; i < COUNT(lists); i++)
		if (read_list(&lists[i], object, targets, ret, err) < 0)
			return -1;
	return 0;
}

static int read_into(const json_t *object, const struct key_texts *targets, struct instruction *ret, struct err *err)
{
	struct instruction *fresh = xcalloc(1, sizeof *fresh);
	int rc = read_object(object, targets, fresh, err);

	if (rc == 0)
		*ret = *fresh;
	free(fresh);
	return rc;
}

int instruction_parse(const char *text, size_t length, const struct key_texts *targets, struct instruction *ret,
		      struct err *err)
{
	json_t *object;
	int rc;

	if (length > INSTRUCTION_BYTES)
		return err_set(err, ERR_TOO_LARGE, "longer than %d bytes", INSTRUCTION_BYTES);
	if (json_parse(text, length, &object, err) < 0)
		return -1;
	rc = read_into(object, targets, ret, err);
	json_decref(object);
	return rc;
}

static int take_file(const struct reference_file *from, struct instruction_file *to, struct err *err)
{
	if (text_copy(to->name, sizeof to->name, from->name) < 0)
		return err_set(err, ERR_USAGE, "reference_files: name %.20s...: must be at most %zu bytes", from->name,
			       sizeof to->name - 1);
	if (text_copy(to->url, sizeof to->url, from->url) < 0)
		return err_set(err, ERR_USAGE, "reference_files: %s: url: must be at most %zu bytes", from->name,
			       sizeof to->url - 1);
	text_copy(to->sha256, sizeof to->sha256, from->sha256 ? from->sha256 : "");
	to->leg = from->leg;
	to->size_bytes = from->size_bytes ? from->size_bytes : JSON_ABSENT;
	to->nonce = from->nonce_required ? NONCE_REQUIRED : NONCE_OPTIONAL;
	return 0;
}

int instruction_from_config(const struct agent_config *config, struct instruction *ret, struct err *err)
{
	const struct reference_file *files = config->reference_files.items;

	if (config->reference_files.count > INSTRUCTION_FILES)
		return err_set(err, ERR_USAGE, "reference_files: must have at most %d items", INSTRUCTION_FILES);
	memset(ret, 0, sizeof *ret);
	ret->threshold_bps[LEG_LOCAL] = config->local_min_bps;
	ret->threshold_bps[LEG_HUB] = config->hub_min_bps;
	ret->interval_ms = config->interval_ms;
	ret->report_ms = config->report_ms;
	ret->budget_bytes = config->budget_bytes;
	for (size_t i = 0; i < config->reference_files.count; i++)
		if (take_file(&files[i], &ret->files[i], err) < 0)
			return -1;
	ret->file_count = config->reference_files.count;
	return 0;
}

int instruction_save(const char *path, const char *etag, const char *text, size_t length, struct err *err)
{
	json_t *saved = json_pack("{s:s, s:s%}", "etag", etag, "instruction", text, length);
	char *bytes = saved ? json_dumps(saved, JSON_COMPACT) : NULL;
	int rc;

	json_decref(saved);
	if (!bytes)
		return err_set(err, ERR_INPUT, "%s: the instruction is not UTF-8", path);
	rc = file_replace(path, bytes, strlen(bytes), err);
	free(bytes);
	return rc;
}

static int read_saved(const json_t *saved, const struct key_texts *targets, struct instruction *ret,
		      char ret_etag[ETAG_SIZE], struct err *err)
{
	const json_t *text = json_object_get(saved, "instruction");
	const char *etag = json_string_value(json_object_get(saved, "etag"));

	if (!json_is_string(text) || !etag)
		return err_set(err, ERR_INPUT, "damaged");
	if (instruction_parse(json_string_value(text), json_string_length(text), targets, ret, err) < 0)
		return -1;
	text_copy(ret_etag, ETAG_SIZE, etag);
	return 0;
}

int instruction_load(const char *path, const struct key_texts *targets, struct instruction *ret,
		     char ret_etag[ETAG_SIZE], struct err *err)
{
	struct buf bytes = { 0 };
	json_t *saved = NULL;
	int rc = -1;

	if (file_read(path, 2 * INSTRUCTION_BYTES, &bytes, err) < 0)
		return -1;
	if (json_parse(bytes.data, bytes.length_bytes, &saved, err) == 0)
		rc = read_saved(saved, targets, ret, ret_etag, err);
	if (rc < 0)
		err_wrap(err, "%s", path);
	json_decref(saved);
	buf_free(&bytes);
	return rc;
}

int refusal_save(const char *path, const char *etag, const char *why, int64_t at_ms, struct err *err)
{
	json_t *refusal = json_pack("{s:s, s:s, s:I}", "etag", etag, "why", why, "at_ms", (json_int_t)at_ms);
	char *bytes = refusal ? json_dumps(refusal, JSON_COMPACT) : NULL;
	int rc;

	json_decref(refusal);
	if (!bytes)
		return err_set(err, ERR_INPUT, "%s: the reason is not UTF-8", path);
	rc = file_replace(path, bytes, strlen(bytes), err);
	free(bytes);
	return rc;
}

int refusal_load(const char *path, json_t **ret_refusal, struct err *err)
{
	struct buf bytes = { 0 };
	int rc;

	if (file_read(path, INSTRUCTION_BYTES, &bytes, err) < 0)
		return -1;
	rc = json_parse(bytes.data, bytes.length_bytes, ret_refusal, err);
	buf_free(&bytes);
	return rc < 0 ? err_wrap(err, "%s", path) : 0;
}

const struct instruction_file *instruction_file(const struct instruction *instruction, enum leg leg)
{
	const struct instruction_file *smallest = NULL;

	for (size_t i = 0; i < instruction->file_count; i++) {
		const struct instruction_file *file = &instruction->files[i];

		if (file->leg == (int)leg && (!smallest || file->size_bytes < smallest->size_bytes))
			smallest = file;
	}
	return smallest;
}

bool instruction_in_maintenance(const struct instruction *instruction, int64_t realtime_ms)
{
	for (size_t i = 0; i < instruction->maintenance_count; i++)
		if (realtime_ms >= instruction->maintenance[i].from_ms && realtime_ms < instruction->maintenance[i].to_ms)
			return true;
	return false;
}
