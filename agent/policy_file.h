/* SPDX-License-Identifier: Apache-2.0 */
/* One file of rules, whole or not at all. */
#ifndef AGENT_POLICY_FILE_H
#define AGENT_POLICY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/policy.h"
#include "agent/policy_terms.h"

struct policy_section {
    const char *file; /* its name, borrowed */
    bool user;        /* of the user's file */
    bool is_default;
    char *name;
    char **programs; /* patterns; NULL: not told apart by it. The same of the others */
    char **units;
    char **apps;
    char **origins; /* NULL: not for web origins */
    struct policy_terms terms;
    json_t *keys;                       /* as written */
    const struct policy_section *whole; /* that this one is a part of (agent/policy_parts.h) */
    struct policy_section *next_part;   /* of the first section about a program: its parts */
};

struct policy_file {
    char *name;
    bool user;
    struct policy_section *sections; /* NULL: never read well */
    size_t n;
    bool refused;
    char *why;
};

/*
 * Reads a file of the site. With a mistake: refused, and what a former reading of it (NULL: none)
 * held is moved over. name is copied.
 */
void policy_file_read(struct policy_file *file, const char *name, const char *path,
                      struct policy_file *former);

/* The same of the user's, whose text somebody has read. */
void policy_file_parse(struct policy_file *file, const char *name, const char *path,
                       const char *text, size_t len, struct policy_file *former);

/* The same of the user's, which nobody could read: fail says why. */
void policy_file_refuse(struct policy_file *file, const char *name, const struct fail *fail,
                        struct policy_file *former);

void policy_file_done(struct policy_file *file);

/* Whether the section is that of the peer; never for the default one. */
bool policy_section_fits(const struct policy_section *section, const struct policy_peer *peer);

#endif
