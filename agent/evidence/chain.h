/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of the evidence log, for the agent that makes the lines, the process that stores them
 * and the command that checks them.
 *
 * A log is a directory of files "evidence-<number of its first line>.jsonl", one JSON object a
 * line. Each line has "seq", one more than the line before it (the first of all is 1), and "prev",
 * the SHA-256 of the line before it without its line feed, base64url (of the empty text before line
 * 1). Lines of event "checkpoint" carry "jws", a compact JWS (ES256, typ "cps-evidence+jwt") whose
 * payload repeats seq, prev, at and station of that line: it signs all lines before it.
 */
#ifndef EVIDENCE_CHAIN_H
#define EVIDENCE_CHAIN_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVIDENCE_TYP        "cps-evidence+jwt"
#define EVIDENCE_CHECKPOINT "checkpoint"
#define EVIDENCE_ROLLBACK   "rollback" /* the log had lost lines when it was opened */

/* Longest line, line feed included. */
#define EVIDENCE_LINE_MAX 16384

/* base64url of a SHA-256, and its end. */
#define EVIDENCE_HASH_LEN 43
typedef char evidence_hash[EVIDENCE_HASH_LEN + 1];

#define EVIDENCE_NAME_LEN 32

/* How far a log goes. */
struct evidence_head {
    int64_t seq; /* of the last line; 0: there is none */
    evidence_hash hash;
};

/* Hash of a line, or of the empty text. False: libcrypto failed. */
bool evidence_hash_line(const char *line, size_t len, evidence_hash ret_hash);

/* Name of the file that begins with that line. */
void evidence_file_name(int64_t seq, char name[EVIDENCE_NAME_LEN]);

/* The number in the name of a file of the log, or -1 when it is not one. */
int64_t evidence_file_seq(const char *name);

/* For scandir(): the files of a log, and their order. */
int evidence_is_file(const struct dirent *entry);
int evidence_compare(const struct dirent **a, const struct dirent **b);

#endif
