/* yaml.h - a small YAML file as a tree whose every value knows its line and column.
 * Bounds:    256 KiB, 32 levels, one document, no anchors, aliases, tags or NUL (libyaml is quadratic in depth).
 * Ownership: yaml_tree_read makes the tree, yaml_tree_free releases it. Threads: pure.
 * Source:    libyaml's event stream. */
#ifndef PLUMBLINE_YAML_H
#define PLUMBLINE_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/faults.h"

#define YAML_BYTES_MAX (256 * 1024)
#define YAML_DEPTH_MAX 32

enum yaml_kind { YAML_TEXT, YAML_NOTHING /* empty, ~ or null */, YAML_MAP, YAML_LIST };

struct yaml_value {
	enum yaml_kind kind;
	int line, column;             /* where the value begins, from 1; column counts characters */
	char *text;                   /* of a TEXT */
	char *key;                    /* in a MAP: what it is called there */
	int key_line, key_column;
	struct yaml_value *first, *last;   /* of a MAP or LIST */
	struct yaml_value *next;
	bool faulty;                  /* for the reader of the tree: a fault of it was reported */
};

/* An empty document is an empty MAP. Returns -1 when something is wrong; everything found is added to faults. */
int yaml_tree_read(const char *bytes, size_t length, struct yaml_value **ret_root, struct faults *faults);
void yaml_tree_free(struct yaml_value *value);   /* accepts NULL */

#endif
