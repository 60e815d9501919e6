/* line_fold_state.h - what a line_fold remembers, for line_fold.c, which steps, and line_fold_codec.c, which saves.
 * Ownership: the fold owns the memory of its windows.   Threads: plain data. */
#ifndef PLUMBLINE_LINE_FOLD_STATE_H
#define PLUMBLINE_LINE_FOLD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/measurement.h"
#include "collector/decide/defect.h"
#include "collector/decide/sample.h"

/* The newest samples, oldest first, in one piece: samples[first .. first + count). The piece moves through its memory and
 * back to the front, so that a push costs no more than two copies. */
struct fold_window {
	struct sample *samples;
	int first, count, capacity;
};

/* Appends; no more than the newest `keep` stay. */
void fold_window_push(struct fold_window *window, const struct sample *sample, int keep);

/* D9, of one leg: what the newest scheduled transfers that tell of content have in common. */
struct fold_content {
	int altered, intact;    /* in a row, one of them 0; counted up to what opens or proves */
	int64_t from_ms;        /* the first of that row */
	bool is_at_fault;       /* the open defect rests on this leg (too) */
};

struct fold_leg {
	struct fold_window stream;   /* D1: what D3 and D6 look at */
	struct fold_window recent;   /* D2: the same with extra probes and orders, fewer */
	struct fold_content content;
};

struct line_fold {
	struct fold_leg legs[LEG_COUNT];
	struct defect_state defects[DEFECT_COUNT];
	int64_t newest_ms;           /* of all facts */
	struct sample last;          /* the last sample, as far as line_fold_compare looks; started_ms JSON_ABSENT at first */
};

#endif
