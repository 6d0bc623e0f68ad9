/* SPDX-License-Identifier: Apache-2.0 */
/* cpsctl-trust: what its commands share. */
#ifndef CPSCTL_TRUST_CMD_H
#define CPSCTL_TRUST_CMD_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/trust/store.h"
#include "base/fail.h"

struct trust_cmd {
    bool json;
    const char *config;  /* the configuration directory */
    const char *libexec; /* where cps-oidcd is */
    const char *store;   /* its "trust" */
    const char *word;    /* the argument that is no option, or NULL */
    const json_t *options;
};

/* The commands; each returns an exit status of cpsctl.h. */
int trust_import(const struct trust_cmd *cmd);
int trust_list(const struct trust_cmd *cmd);
int trust_remove(const struct trust_cmd *cmd);
int trust_block(const struct trust_cmd *cmd);
int trust_unblock(const struct trust_cmd *cmd);
int trust_blocked(const struct trust_cmd *cmd);

/* Prints why, as cpsctl does everywhere, and returns the exit status. */
int trust_explain(const struct trust_cmd *cmd, const struct fail *fail);

/* A published bundle, fetched by cps-oidcd; the caller frees it. */
cps_error trust_download(const struct trust_cmd *cmd, const char *url, char **ret_data,
                         size_t *ret_len, struct fail *fail);

/* The directory of the test authorities or of the others; the caller frees it. */
char *trust_directory(const struct trust_cmd *cmd, bool test);

/* directory/name; the caller frees it. */
char *trust_path(const char *directory, const char *name);

/* The one file that import writes. Others, put there by hand, are left alone. */
#define TRUST_FILE "authorities.pem"

/* Replaces directory/TRUST_FILE by these certificates: whole or not at all. */
cps_error trust_write_certificates(const char *directory, const struct store_entry *entries,
                                   size_t n, struct fail *fail);

/* Replaces directory/STORE_APPROVED. */
cps_error trust_write_approvals(const char *directory, const struct approvals *approvals,
                                struct fail *fail);

/* The entry as JSON. */
json_t *trust_entry_json(const struct store_entry *entry);

#endif
