/* A line_fold as bytes. Numbers are little-endian base 128, seven bits a byte, the high bit set in all but the last; times
 * (milliseconds, never before JSON_ABSENT) are stored one higher.
 *
 *   version  newest_ms  last: started_ms leg judgement seq
 *   each leg:     stream  recent  altered intact from_ms is_at_fault
 *     a window:   count, then each sample: started_ms (of the first; of the others what it adds to the one before), flags
 *   each defect:  phase, and unless there is none: from_ms opened_ms fixed_ms proven_ms closed_ms hours
 *     hours:      first_ms last_ms, how many slots hold any, then of each: slot, bad
 *
 * A sample takes four bytes at an interval of a quarter of an hour. What was saved is read back exactly; anything else ends
 * in an error or in a state that can be stepped on from, never outside its bounds. */
#include "collector/decide/line_fold.h"

#include <string.h>

#include "collector/decide/line_fold_state.h"

#define VERSION   1
#define TIME_MAX  (INT64_C(1) << 53)
#define COUNT_MAX 1000                /* the widest window that can be configured */
#define BAD_MAX   (1 << 30)

enum { FLAG_JUDGEMENT = 3, FLAG_CONTENDED = 4, FLAG_BLIND = 8, FLAG_ALL = 15 };

static void put(struct buf *buf, uint64_t value)
{
	unsigned char bytes[10];
	size_t length = 0;

	for (; value > 127; value >>= 7)
		bytes[length++] = (unsigned char)(value | 128);
	bytes[length++] = (unsigned char)value;
	buf_append(buf, bytes, length);
}

static void put_time(struct buf *buf, int64_t time_ms)
{
	put(buf, (uint64_t)(time_ms - JSON_ABSENT));
}

static void put_window(struct buf *buf, const struct fold_window *window)
{
	int64_t before_ms = JSON_ABSENT;

	put(buf, (uint64_t)window->count);
	for (int i = 0; i < window->count; i++) {
		const struct sample *sample = &window->samples[window->first + i];

		put(buf, (uint64_t)(sample->started_ms - before_ms));
		put(buf, (uint64_t)sample->judgement | (sample->reason == REASON_CONTENDED ? FLAG_CONTENDED : 0) |
				 (sample->is_blind ? FLAG_BLIND : 0));
		before_ms = sample->started_ms;
	}
}

static void put_leg(struct buf *buf, const struct fold_leg *leg)
{
	put_window(buf, &leg->stream);
	put_window(buf, &leg->recent);
	put(buf, (uint64_t)leg->content.altered);
	put(buf, (uint64_t)leg->content.intact);
	put_time(buf, leg->content.from_ms);
	put(buf, leg->content.is_at_fault);
}

static void put_hours(struct buf *buf, const struct defect_hours *hours)
{
	uint64_t filled = 0;

	for (int slot = 0; slot < DEFECT_SLOTS; slot++)
		filled += hours->bad_of_slot[slot] > 0;
	put_time(buf, hours->first_ms);
	put_time(buf, hours->last_ms);
	put(buf, filled);
	for (int slot = 0; slot < DEFECT_SLOTS; slot++) {
		if (!hours->bad_of_slot[slot])
			continue;
		put(buf, (uint64_t)slot);
		put(buf, (uint64_t)hours->bad_of_slot[slot]);
	}
}

static void put_defect(struct buf *buf, const struct defect_state *state)
{
	put(buf, state->phase);
	if (state->phase == PHASE_NONE)
		return;
	put_time(buf, state->from_ms);
	put_time(buf, state->opened_ms);
	put_time(buf, state->fixed_ms);
	put_time(buf, state->proven_ms);
	put_time(buf, state->closed_ms);
	put_hours(buf, &state->hours);
}

void line_fold_save(const struct line_fold *fold, struct buf *ret_bytes)
{
	put(ret_bytes, VERSION);
	put_time(ret_bytes, fold->newest_ms);
	put_time(ret_bytes, fold->last.started_ms);
	put(ret_bytes, (uint64_t)fold->last.leg);
	put(ret_bytes, (uint64_t)fold->last.judgement);
	put(ret_bytes, (uint64_t)fold->last.seq);
	for (int leg = 0; leg < LEG_COUNT; leg++)
		put_leg(ret_bytes, &fold->legs[leg]);
	for (int defect = 0; defect < DEFECT_COUNT; defect++)
		put_defect(ret_bytes, &fold->defects[defect]);
}

struct reader {
	const unsigned char *at;
	size_t left;
	bool is_bad;   /* once something was: everything is 0 from then on */
};

static uint64_t get(struct reader *reader, uint64_t max)
{
	uint64_t value = 0;

	for (int shift = 0; reader->left && shift < 64; shift += 7) {
		unsigned char byte = *reader->at++;

		reader->left--;
		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128 && value <= max)
			return value;
		if (byte < 128)
			break;
	}
	reader->is_bad = true;
	reader->left = 0;
	return 0;
}

static int64_t get_time(struct reader *reader)
{
	return (int64_t)get(reader, TIME_MAX) + JSON_ABSENT;
}

static int get_int(struct reader *reader, int max)
{
	return (int)get(reader, (uint64_t)max);
}

static void get_window(struct reader *reader, int leg, struct fold_window *window)
{
	int count = get_int(reader, COUNT_MAX);
	int64_t at_ms = JSON_ABSENT;

	for (int i = 0; i < count; i++) {
		int flags;

		at_ms += (int64_t)get(reader, (uint64_t)(TIME_MAX - at_ms));
		flags = get_int(reader, FLAG_ALL);
		if (at_ms < 0 || (flags & FLAG_JUDGEMENT) > JUDGED_BAD)
			reader->is_bad = true;
		if (reader->is_bad)
			return;
		fold_window_push(window, &(struct sample){
			.started_ms = at_ms,
			.leg = leg,
			.throughput_bps = JSON_ABSENT,
			.threshold_bps = JSON_ABSENT,
			.judgement = flags & FLAG_JUDGEMENT,
			.reason = flags & FLAG_CONTENDED ? REASON_CONTENDED : REASON_NONE,
			.is_blind = (flags & FLAG_BLIND) != 0,
		}, COUNT_MAX);
	}
}

static void get_leg(struct reader *reader, int which, struct fold_leg *leg)
{
	get_window(reader, which, &leg->stream);
	get_window(reader, which, &leg->recent);
	leg->content.altered = get_int(reader, COUNT_MAX);
	leg->content.intact = get_int(reader, COUNT_MAX);
	leg->content.from_ms = get_time(reader);
	leg->content.is_at_fault = get(reader, 1);
}

static void get_hours(struct reader *reader, struct defect_hours *hours)
{
	int filled;

	hours->first_ms = get_time(reader);
	hours->last_ms = get_time(reader);
	filled = get_int(reader, DEFECT_SLOTS);
	for (int i = 0; i < filled; i++) {
		int slot = get_int(reader, DEFECT_SLOTS - 1);
		int bad = get_int(reader, BAD_MAX - hours->bad);

		hours->bad_of_slot[slot] += bad;
		hours->bad += bad;
	}
}

static void get_defect(struct reader *reader, struct defect_state *state)
{
	state->phase = get_int(reader, PHASE_CLOSED);
	if (state->phase == PHASE_NONE)
		return;
	state->from_ms = get_time(reader);
	state->opened_ms = get_time(reader);
	state->fixed_ms = get_time(reader);
	state->proven_ms = get_time(reader);
	state->closed_ms = get_time(reader);
	get_hours(reader, &state->hours);
}

int line_fold_load(const void *bytes, size_t size, struct line_fold **ret_fold, struct err *err)
{
	struct reader reader = { bytes, size, false };
	struct line_fold *fold;

	if (get_int(&reader, INT32_MAX) != VERSION && !reader.is_bad)
		return err_set(err, ERR_UNSUPPORTED, "the saved state of a line is of another version");
	fold = line_fold_new();
	fold->newest_ms = get_time(&reader);
	fold->last.started_ms = get_time(&reader);
	fold->last.leg = get_int(&reader, LEG_COUNT - 1);
	fold->last.judgement = get_int(&reader, JUDGED_SKIPPED);
	fold->last.seq = (int64_t)get(&reader, INT64_MAX);
	for (int leg = 0; leg < LEG_COUNT; leg++)
		get_leg(&reader, leg, &fold->legs[leg]);
	for (int defect = 0; defect < DEFECT_COUNT; defect++)
		get_defect(&reader, &fold->defects[defect]);
	if (reader.is_bad || reader.left) {
		line_fold_free(fold);
		return err_set(err, ERR_DAMAGED, "the saved state of a line is damaged");
	}
	*ret_fold = fold;
	return 0;
}
