/** The page of `chesspg play --browser`. */
import "../board/style.css";
import { ChessBoard } from "../board/chess";
import { GridBoard } from "../board/grid";
document.title = "chesspg";
const el = document.createElement("div"); el.style.width="400px"; document.body.append(el);
const b = new ChessBoard(el, (m) => {document.title = m});
b.show({fen:"rnbqkbnr/pPpppppp/8/8/4P3/8/1PPP1PPP/RNBQKBNR w KQkq - 0 1", orientation:"white", legal:["b7a8q","b7a8n","b7a8r","b7a8b","e4e5"], lastMove:"e2e4", likely:[{move:"e4e5",probability:.42},{move:"b7a8q",probability:.05}]});
const el2 = document.createElement("div"); el2.style.width="400px"; document.body.append(el2);
const R=5,C=5;
const shape={rows:R,columns:C,squares:Array.from({length:R*C},(_,k)=>`${"abcde"[k%C]}${Math.floor(k/C)+1}`),rowNames:["1","2","3","4","5"],columnNames:[..."abcde"],namesOnTop:true,hexagonal:true,sides:["#000","#fff"] as [string,string],stones:{x:{name:"Black",color:"#000",disc:true},o:{name:"White",color:"#fff",disc:true}},empty:"·"};
new GridBoard(el2, shape, (s)=>{document.title=String(s)}).show({cells:"x".padEnd(25,"·"),targets:[2,3,4],likely:[{square:7,probability:.4}],last:[0]});
const el3 = document.createElement("div"); el3.style.width="300px"; document.body.append(el3);
new GridBoard(el3, {...shape,hexagonal:false,columnar:true,namesOnTop:false}, (s)=>{document.title=String(s)}).show({cells:"xo".padStart(25,"·"),targets:[2,3,4],likely:[{square:7,probability:.4}],last:[24]});
