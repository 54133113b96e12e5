// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Everything that a program uses of the library. Headers that are not named here are
// installed only because these need them (docs/abi.md).
#pragma once

#include "async_source.hpp"
#include "async_transform.hpp"
#include "block_transform.hpp"
#include "budget.hpp"
#include "catcher.hpp"
#include "chunk_memory.hpp"
#include "compaction.hpp"
#include "config.hpp"
#include "file_memory.hpp"
#include "lease.hpp"
#include "loader.hpp"
#include "readable.hpp"
#include "reader.hpp"
#include "save.hpp"
#include "saved.hpp"
#include "source.hpp"
#include "sources/command_source.hpp"
#include "sources/fd_source.hpp"
#include "sources/function_source.hpp"
#include "sources/istream_source.hpp"
#include "sources/memory_source.hpp"
#include "sources/owned_fd.hpp"
#include "stateful.hpp"
#include "status.hpp"
#include "status_code.hpp"
#include "timeline.hpp"
#include "transform.hpp"
#include "transform_writer.hpp"
#include "wait.hpp"
