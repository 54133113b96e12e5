// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What libcatcher-1.0.so exports: types and functions that are marked CATCHER_API and defined in
// a .cpp file. Templates and inline functions become part of the program that uses them. Without
// the mark nothing leaves the library, since it is compiled with hidden visibility.
// CATCHER_STATIC is defined while the static library is compiled, so that a library which
// contains it does not export it. Programs need not define it.
#pragma once

#if defined(__GNUC__) && !defined(CATCHER_STATIC)
#define CATCHER_API __attribute__((visibility("default")))
#else
#define CATCHER_API
#endif
