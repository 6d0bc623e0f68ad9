/* SPDX-License-Identifier: Apache-2.0 */
/* A credential kept in a file. */
#ifndef OIDC_SECRET_FILE_H
#define OIDC_SECRET_FILE_H

#include "base/fail.h"
#include "base/secret.h"

/* Longest client secret. */
#define SECRET_FILE_MAX 512

/*
 * Reads a secret: absolute path, a regular file that belongs to root or to this user and that
 * neither group nor others may read or write; one line of printable ASCII, its newline dropped.
 * On failure: CPS_CONFIGURATION.
 */
cps_error secret_file_read(const char *path, struct secret **ret_secret, struct fail *fail);

/* The same with any content, up to SECRET_MAX bytes. */
cps_error secret_file_load(const char *path, struct secret **ret_secret, struct fail *fail);

#endif
