/* SPDX-License-Identifier: Apache-2.0 */
/* Words that several commands translate: see struct text_word. */
#ifndef CPSCTL_WORDS_H
#define CPSCTL_WORDS_H

#include "agent/cpsctl/text.h"

/* Why a session was closed, locked, parked or brought back. */
extern const struct text_word words_reasons[];

/* Means of login. */
extern const struct text_word words_methods[];

/* Kinds of tokens and of what else a program may be given. */
extern const struct text_word words_kinds[];

/* States of the card service, of an identity provider. */
extern const struct text_word words_pcsc[];
extern const struct text_word words_providers[];

#endif
