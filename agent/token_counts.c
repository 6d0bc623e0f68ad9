/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token_counts.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"

static bool is_of(const struct token_count *count, const char *program, pid_t pid)
{
    if (program == NULL || count->program == NULL)
        return program == count->program && pid == count->pid;
    return strcmp(program, count->program) == 0;
}

struct token_count *token_counts_find(struct token_counts *counts, const char *program, pid_t pid,
                                      enum token_kind kind)
{
    for (unsigned i = 0; i < counts->n; i++)
        if (counts->entries[i].kind == kind && is_of(&counts->entries[i], program, pid))
            return &counts->entries[i];
    return NULL;
}

struct token_count *token_counts_add(struct token_counts *counts, const char *program, pid_t pid,
                                     enum token_kind kind)
{
    AUTO_FREE char *copy = program != NULL ? strdup(program) : NULL;
    struct token_count *count;

    if (counts->n == TOKEN_COUNTS_MAX || (program != NULL && copy == NULL))
        return NULL;
    count = &counts->entries[counts->n++];
    *count = (struct token_count){.pid = pid, .kind = kind, .told_ms = clock_boot_ms()};
    count->program = TAKE_PTR(copy);
    return count;
}

void token_counts_clear(struct token_counts *counts)
{
    for (unsigned i = 0; i < counts->n; i++)
        free(counts->entries[i].program);
    counts->n = 0;
}
