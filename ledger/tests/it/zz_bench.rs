use crate::world::*;
use starfire_ledger::genesis::Profile;
use starfire_ledger::*;
#[test]
#[allow(clippy::all)]
fn bench() {
    let mut f = file(Profile::Default);
    f.params.block_transactions_max = 100_000;
    f.params.open_share_percent = 100;
    f.params.member_transactions_max = 100_000;
    let mut world = World::with(f);
    let n = 5000;
    let envs: Vec<_> = (0..n).map(|i| { let s = format!("p{}", i % 2500); sign_with_nonce(&s, (i / 2500) + 1, &[&s], vec![pay(&format!("q{i}"), 0)]) }).collect();
    let t = std::time::Instant::now();
    let txs: Vec<_> = envs.iter().map(|e| Transaction::decode(e).unwrap()).collect();
    println!("decode {:?}/tx", t.elapsed() / n as u32);
    let t = std::time::Instant::now();
    let checked: Vec<_> = check_all(txs, &world.rules()).into_iter().map(|c| std::sync::Arc::new(c.unwrap())).collect();
    println!("check {:?}/tx", t.elapsed() / n as u32);
    let t = std::time::Instant::now();
    let sel = select(world.state().as_ref(), &world.admission(), 4, checked.clone());
    println!("select {} {:?}/tx", sel.len(), t.elapsed() / n as u32);
    let map: std::collections::BTreeMap<[u8;32], _> = checked.iter().map(|c| (c.id, c.clone())).collect();
    let t = std::time::Instant::now();
    let block = world.block(envs.clone());
    println!("build {:?}/tx", t.elapsed() / n as u32);
    let t = std::time::Instant::now();
    let block = CheckedBlock::new(Block::decode(block.bytes()).unwrap(), &world.rules(), |id| map.get(id).cloned()).unwrap();
    println!("decode+known {:?}/tx", t.elapsed() / n as u32);
    let t = std::time::Instant::now();
    let o = execute(world.state().as_ref(), &block);
    println!("execute {:?}/tx ok {}", t.elapsed() / n as u32, o.receipts.iter().filter(|r| r.code == 0).count());
    world.commit(vec![]);
}
