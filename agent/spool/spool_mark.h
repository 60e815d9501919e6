/* spool_mark.h - what must outlive the spool file, and what `status` says of a disk that takes nothing more.
 *
 * A small file beside the spool, of fixed length and overwritten in place: that works on a full disk too. After the
 * spool file was lost the next one goes on with the generation kept here, so that it does not look like a copied disk,
 * and names the spool that was lost.
 *
 * Source:  contract 3 (generation); methodology J6, J7.     Threads: one writer; commands read beside it. */
#ifndef PLUMBLINE_SPOOL_MARK_H
#define PLUMBLINE_SPOOL_MARK_H

#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/random.h"

struct spool_mark {
	char spool[UUID_SIZE];   /* of the spool in use; "" before the first */
	int64_t generation;      /* to send next; JSON_ABSENT before the first acknowledgement */
	int64_t next_seq;        /* of the spool, when the disk last took something */
	int64_t held;            /* events made since then: in memory */
	int64_t lost;            /* events that memory could not hold, and that no record tells yet */
	int64_t fault_ms;        /* since when the disk does not work; JSON_ABSENT while it does */
	char fault[256];         /* why, "" while it does */
};

/* Nothing known. */
void spool_mark_init(struct spool_mark *mark);

/* Fails with ERR_NOT_FOUND, ERR_INPUT when it is damaged, or ERR_IO. */
int spool_mark_read(const char *path, struct spool_mark *ret_mark, struct err *err);

/* Durable when it returns 0. Fails with ERR_IO naming the file. */
int spool_mark_write(const char *path, const struct spool_mark *mark, struct err *err);

#endif
