//! Answers to nodes that are behind: blocks and headers from the archive, snapshots from their files.

use prost::Message;
use starfire_proto::v1::{self, sync_request::Request, sync_response::Response};
use starfire_state::{Archive, key};
use tendermint_proto::v0_38::types::{Commit, Header, SignedHeader};

use super::window::RANGE_BLOCKS;
use crate::snapshot::Shelf;

/// What a response may hold, bytes; one block always fits.
const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Answers a peer's request; `None`: it asks for nothing that exists.
pub fn serve(
    archive: &dyn Archive,
    shelf: &Shelf,
    request: &v1::SyncRequest,
) -> Option<v1::SyncResponse> {
    let response = match request.request.as_ref()? {
        Request::Blocks(request) => Some(Response::Blocks(blocks(archive, request))),
        Request::Header(height) => light_block(archive, *height)
            .or_else(|| shelf.header(*height))
            .map(Response::Header),
        Request::Snapshots(_) => Some(Response::Snapshots(shelf.list())),
        Request::Manifest(height) => shelf.manifest(*height).map(Response::Manifest),
        Request::Block(height) => shelf.block(*height).map(Response::Block),
        Request::Chunk(request) => shelf
            .chunk(request.height, request.index)
            .map(Response::Chunk),
    };
    Some(v1::SyncResponse {
        response: Some(response.unwrap_or(Response::Absent(v1::Absent {}))),
    })
}

fn blocks(archive: &dyn Archive, request: &v1::BlockRequest) -> v1::BlockResponse {
    let height = archive.height().unwrap_or(0);
    let mut blocks = Vec::new();
    let mut bytes = 0;
    let count = usize::try_from(request.count.min(RANGE_BLOCKS)).unwrap_or(0);
    let mut next = request.from.max(1);
    while next <= height && blocks.len() < count {
        let Some((block, commit)) = archive.block(next) else {
            break;
        };
        bytes += block.len() + commit.len();
        if bytes > RESPONSE_BYTES_MAX && !blocks.is_empty() {
            break;
        }
        blocks.push(v1::CommittedBlock { block, commit });
        next += 1;
    }
    v1::BlockResponse {
        height,
        blocks,
        base: archive.base(),
    }
}

/// The header of a kept height, with the commit that decided it and who signs it and the next one.
pub(crate) fn light_block(archive: &dyn Archive, height: u64) -> Option<v1::LightBlock> {
    if !archive.keeps(height) {
        return None;
    }
    let (block, commit) = archive.block(height)?;
    let block = v1::Block::decode(block.as_slice()).expect("a stored block decodes");
    let header = Header::decode(block.header.as_slice()).expect("a stored header decodes");
    let commit = Commit::decode(commit.as_slice()).expect("a stored commit decodes");
    let signed = SignedHeader {
        header: Some(header),
        commit: Some(commit),
    };
    Some(v1::LightBlock {
        signed_header: signed.encode_to_vec(),
        validators: archive.state_at(height - 1).get(key::VALIDATORS)?,
        next_validators: archive.state_at(height).get(key::VALIDATORS)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_content_has_no_answer() {
        let memory = starfire_state::Memory::new();
        let request = v1::SyncRequest::default();
        assert_eq!(serve(&memory, &Shelf::none(), &request), None);
    }

    #[test]
    fn what_is_not_kept_is_said_to_be_absent() {
        let memory = starfire_state::Memory::new();
        for request in [
            Request::Header(0),
            Request::Header(7),
            Request::Manifest(7),
            Request::Block(7),
            Request::Chunk(v1::SnapshotChunkRequest {
                height: 7,
                index: 1,
            }),
        ] {
            let request = v1::SyncRequest {
                request: Some(request),
            };
            let response = serve(&memory, &Shelf::none(), &request).unwrap().response;
            assert_eq!(response, Some(Response::Absent(v1::Absent {})));
        }
    }
}
