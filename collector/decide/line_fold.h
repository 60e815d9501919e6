/* line_fold.h - a line's measurements to its derived history: one step a fact, in the order of event time.
 *
 * The happy path: every sample of both legs and every mark of a person is stepped through, oldest first; each step gives
 * the moves it causes (D3 opens, D6 proves, D7 re-opens; D9 altered content). The state is small and can be saved and
 * loaded: what follows depends on nothing but it and the facts to come. A fact that arrives late is taken in by loading a
 * state saved before it and stepping through everything since again.
 *
 * Of each leg it is given every sample and looks itself for what belongs to the stream of the promise, is scheduled, and is
 * not exempt. Extra probes and orders count for suspicion (D2) and leaf states only.
 *
 * Order:   by time; at the same time marks before samples, local before hub, then by judgement and seq. line_fold_compare
 *          is that order; it does not look at spool, whose number depends on arrival.
 * Units:   _ms UTC milliseconds, event time.
 * Threads: pure: knows no socket, no SQL, no clock.
 * Source:  methodology 11.3: D1 to D4, D6, D7; 5.1 K2, K3; D9 (altered); F1 (leaf states). */
#ifndef PLUMBLINE_LINE_FOLD_H
#define PLUMBLINE_LINE_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/measurement.h"
#include "collector/decide/defect.h"
#include "collector/decide/exemption.h"
#include "collector/decide/localise.h"
#include "collector/decide/move.h"
#include "collector/decide/rule.h"
#include "collector/decide/sample.h"

/* How a leg's promise is tested: by every reference probe, or, where the reference file cannot show it (S1), by capacity
 * probes and reference probes whose lower bound is good already (T8): a stream of its own with a rule of its own (D3). */
struct promise {
	bool is_promised;              /* else the leg moves nothing but `altered` */
	bool by_capacity;
	const struct decision_rule *rule;   /* also where nothing is promised: for `altered` */
	int64_t interval_ms;           /* what D3's times scale with */
	int64_t cell_ms;               /* each is to have a probe (V1) */
};

struct fold_rules {
	struct promise promises[LEG_COUNT];
	const struct exemption *exemptions;   /* borrowed; by from_ms */
	int exemption_count;
	int64_t (*offset_s)(const struct zone *zone, int64_t utc_ms);   /* of people's clocks from UTC (D6); NULL: none */
	const struct zone *zone;
};

#define FOLD_MOVES_MAX 4   /* of one step */

struct line_fold;

struct line_fold *line_fold_new(void);
void line_fold_free(struct line_fold *fold);   /* accepts NULL */

/* Steps through one fact no older than those before. Returns how many moves it caused, in their order. A sample that does not
 * come after the last one in line_fold_compare's order was stepped through before: it changes nothing. */
int line_fold_sample(struct line_fold *fold, const struct fold_rules *rules, const struct sample *sample,
		     struct move ret_moves[FOLD_MOVES_MAX]);
void line_fold_mark(struct line_fold *fold, const struct mark *mark);

/* < 0, 0, > 0 as a comes before, with or after b. */
int line_fold_compare(const struct sample *a, const struct sample *b);

/* The state as bytes, about a kilobyte, appended to *ret_bytes, and back. A state of another version of this code fails with
 * ERR_UNSUPPORTED, one that is not as it was saved with ERR_DAMAGED: then everything is stepped through from the beginning. */
void line_fold_save(const struct line_fold *fold, struct buf *ret_bytes);
int line_fold_load(const void *bytes, size_t size, struct line_fold **ret_fold, struct err *err);

/* What the verdict (V1) and people ask of a leg: the phase of its defect, the newest samples of its stream, as many as the
 * widest window of its rule. Of these only leg, started_ms, judgement, whether contended, and is_blind are kept. */
const struct defect_state *line_fold_defect(const struct line_fold *fold, enum defect defect);
const struct sample *line_fold_stream(const struct line_fold *fold, enum leg leg, int *ret_count);
int64_t line_fold_newest_ms(const struct line_fold *fold);   /* of all that was stepped through; JSON_ABSENT at first */

/* F1: bad while suspect (D2, by scheduled and extra probes) or while the defect is not proven; good with at least
 * 3 valid probes in the last 4 cells; else, when suspect mostly by own traffic (K2), and when the newest is older than 2
 * cells, unknown. at_ms: not before line_fold_newest_ms. */
enum leaf_state line_fold_leaf(const struct line_fold *fold, const struct fold_rules *rules, enum leg leg, int64_t at_ms);

#endif
