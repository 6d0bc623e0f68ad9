/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many tokens which program got in one session. A program that connects for each token would
 * otherwise have a line of evidence for each, and could fill a disk with them.
 */
#ifndef AGENT_TOKEN_COUNTS_H
#define AGENT_TOKEN_COUNTS_H

#include <stdint.h>
#include <sys/types.h>

#include "agent/token_kind.h"

/* Programs told apart, each kind of token by itself. */
#define TOKEN_COUNTS_MAX 64

/* What came after the first is told again after so long, when there is more by then. */
#define TOKEN_COUNTS_TELL_MS 300000

struct token_count {
    char *program; /* path, or NULL: then pid tells it apart */
    pid_t pid;     /* of the process that came first */
    enum token_kind kind;
    unsigned more; /* given since the last line about it */
    int64_t told_ms;
};

struct token_counts {
    int64_t epoch; /* the session they are about */
    unsigned n;
    struct token_count entries[TOKEN_COUNTS_MAX];
};

/* NULL when there is none of this program and kind. */
struct token_count *token_counts_find(struct token_counts *counts, const char *program, pid_t pid,
                                      enum token_kind kind);

/* A new one, of which one token was told. NULL: the table is full. */
struct token_count *token_counts_add(struct token_counts *counts, const char *program, pid_t pid,
                                     enum token_kind kind);

/* Forgets them all. */
void token_counts_clear(struct token_counts *counts);

#endif
