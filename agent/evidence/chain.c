/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/evidence/chain.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/util.h"

bool evidence_hash_line(const char *line, size_t len, evidence_hash ret_hash)
{
    uint8_t digest[32];
    AUTO_FREE char *text = NULL;

    if (EVP_Q_digest(NULL, "SHA256", NULL, line, len, digest, NULL) != 1)
        return false;
    text = b64_encode(digest, sizeof digest);
    if (text == NULL)
        return false;
    memcpy(ret_hash, text, EVIDENCE_HASH_LEN + 1);
    return true;
}

void evidence_file_name(int64_t seq, char name[EVIDENCE_NAME_LEN])
{
    snprintf(name, EVIDENCE_NAME_LEN, "evidence-%012" PRId64 ".jsonl", seq);
}

int64_t evidence_file_seq(const char *name)
{
    static const char prefix[] = "evidence-";
    char expected[EVIDENCE_NAME_LEN];
    int64_t seq;

    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return -1;
    seq = strtoll(name + sizeof prefix - 1, NULL, 10);
    if (seq < 1)
        return -1;
    evidence_file_name(seq, expected);
    return strcmp(name, expected) == 0 ? seq : -1;
}

int evidence_is_file(const struct dirent *entry)
{
    return evidence_file_seq(entry->d_name) > 0;
}

int evidence_compare(const struct dirent **a, const struct dirent **b)
{
    int64_t first = evidence_file_seq((*a)->d_name);
    int64_t second = evidence_file_seq((*b)->d_name);

    return (first > second) - (first < second);
}
