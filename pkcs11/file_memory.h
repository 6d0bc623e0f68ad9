/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What public files of a card hold, so that a card which comes back need not be read again: its
 * PKCS#15 directories and its certificates, never a data object. In memory only.
 *
 * Files noted while a card is read are not given back in the same life: only what was loaded, from
 * the notes of an earlier one, is. That is doubtful until a signature shows that the card is the
 * one it was; at the first contradiction all of it is forgotten.
 */
#ifndef PKCS11_FILE_MEMORY_H
#define PKCS11_FILE_MEMORY_H

#include "pkcs11/file.h"

#define FILE_MEMORY_FILES_MAX 12

/* As text in a packet (four characters for three bytes) it must leave room for a certificate. */
#define FILE_MEMORY_SIZE_MAX (24 * 1024)

struct file_memory;

struct file_memory *file_memory_new(void);
void file_memory_free(struct file_memory *memory);

/*
 * The content of a file, borrowed, when it was loaded; empty: it was found not to be there. memory
 * may be NULL: it then knows nothing.
 */
bool file_memory_find(const struct file_memory *memory, const struct file_path *path,
                      struct span *ret_content);

/* Notes what a file holds; beyond the maxima, or when memory is short, it is not noted. */
void file_memory_note(struct file_memory *memory, const struct file_path *path,
                      struct span content);

void file_memory_forget(struct file_memory *memory);

/* Replaces the content by what a file_memory_pack() gave; false, and it is empty, when not one. */
bool file_memory_load(struct file_memory *memory, struct span packed);

/* Something was loaded, and not proved yet. */
bool file_memory_is_doubtful(const struct file_memory *memory);
void file_memory_prove(struct file_memory *memory);

/* The card is not what somebody was told: forgets all, and remembers that. */
void file_memory_contradict(struct file_memory *memory);
bool file_memory_was_wrong(const struct file_memory *memory);

/* Packs all of it into out, of FILE_MEMORY_SIZE_MAX bytes; the length, 0 when there is nothing. */
size_t file_memory_pack(const struct file_memory *memory, uint8_t *out);

/*
 * Reads a file by its path: out of the transport's memory when it is there, of the card otherwise,
 * as file_select_fn and file_read() do. *ret_selected: the card was asked, and has it selected.
 */
cps_error file_fetch(struct transport *transport, file_select_fn select_path,
                     const struct file_path *path, const char *what, file_length_fn length_of,
                     struct file *ret_file, bool *ret_selected, struct fail *fail);

#endif
